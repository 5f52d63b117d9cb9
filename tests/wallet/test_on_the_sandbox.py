"""The whole way once, with nothing imitated: an account, the sandbox's node over HTTP, the history file."""

from __future__ import annotations

from pathlib import Path

from mpp_console.history import Database, HistoryJournal, HistoryQueries
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.methods.tempo.rpc import Web3Chain
from mpp_console.protocol import OperationState
from mpp_console.sandbox.node import FAUCET_AMOUNT, SandboxNode
from mpp_console.wallet.accounts import Accounts
from mpp_console.wallet.balances import read_balances
from mpp_console.wallet.funding import fund
from mpp_console.wallet.transfers import Transfers
from tests.history.samples import TickingClock


async def test_make_an_account_fund_it_and_send(tmp_path: Path) -> None:
    clock = TickingClock()
    accounts = Accounts(tmp_path / "accounts", chain_id=SANDBOX.chain_id, clock=clock, keyring=None)
    main, other = accounts.create("main"), accounts.create("other")
    database = await Database.open(tmp_path / "history.db")
    async with SandboxNode(None, clock=clock) as node:
        assert node.rpc_url is not None
        chain = Web3Chain(node.rpc_url)
        try:
            funded = await fund(chain, SANDBOX, main.address, clock=clock)
            assert (funded.failed, funded.pending) == ((), ())
            assert [balance.available for balance in funded.balances] == [FAUCET_AMOUNT] * 4
            transfers = Transfers(
                chain=chain, network=SANDBOX, journal=HistoryJournal(database, clock=clock), clock=clock
            )
            quote = await transfers.quote(sender=main.address, to=other.address, amount="12.5", memo="rent")
            assert quote.sendable, quote.checks
            assert quote.new_recipient
            prepared = await transfers.prepare(quote, accounts.signer("main"))
            done = await transfers.send(prepared, operation_id="t-1")
            assert done.state is OperationState.SETTLED, done.error
            (received, *_) = await read_balances(chain, SANDBOX, other.address, clock=clock)
            assert received.available == 12_500_000
            (kept, *_) = await read_balances(chain, SANDBOX, main.address, clock=clock)
            assert kept.available is not None
            assert quote.balance_after is not None
            assert quote.balance_after <= kept.available < FAUCET_AMOUNT - 12_500_000
            again = await transfers.quote(sender=main.address, to=other.address, amount="1")
            assert not again.new_recipient
        finally:
            await chain.aclose()
    (row,) = (await HistoryQueries(database).operations()).rows
    assert (row.operation.kind, row.operation.reference) == ("transfer", prepared.reference)
    await database.close()
