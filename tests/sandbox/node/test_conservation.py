"""Random transactions against a model: money moves as the model says, and none appears or vanishes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mpp_console.methods.tempo.keys import LocalSigner, keccak
from mpp_console.methods.tempo.tip20 import encode_approve, encode_transfer, encode_transfer_from
from mpp_console.methods.tempo.transaction import Call
from mpp_console.sandbox.node import FAUCET_AMOUNT
from tests.sandbox.node.chains import ALICE, ALPHA, BOB, CAROL, FEES, PATH, SHOP, Chain, paid

ACCOUNTS = (ALICE, BOB, CAROL)
HOLDERS = (*(account.address for account in ACCOUNTS), SHOP, FEES)
TOKENS = (PATH, ALPHA)
NOWHERE = "0x" + "00" * 20
UNLIMITED = 2**256 - 1

SIGNERS = st.sampled_from(ACCOUNTS)
PARTIES = st.sampled_from((*(account.address for account in ACCOUNTS), SHOP, NOWHERE))
AMOUNTS = st.one_of(
    st.integers(0, 100), st.integers(0, 2 * FAUCET_AMOUNT), st.just(FAUCET_AMOUNT), st.sampled_from((UNLIMITED, 2**128))
)
MEMOS = st.none() | st.binary(min_size=32, max_size=32)


@dataclass(frozen=True)
class Act:
    """One call: who is paid how much, out of the caller's pocket or another's, or allowed how much."""

    kind: str
    token: str
    owner: str
    other: str
    amount: int
    memo: bytes | None

    def call(self) -> Call:
        if self.kind == "approve":
            return Call(self.token, 0, encode_approve(self.other, self.amount))
        if self.kind == "from":
            return Call(self.token, 0, encode_transfer_from(self.owner, self.other, self.amount, self.memo))
        return Call(self.token, 0, encode_transfer(self.other, self.amount, self.memo))


ACTS = st.builds(
    Act,
    kind=st.sampled_from(("transfer", "approve", "from")),
    token=st.sampled_from(TOKENS),
    owner=SIGNERS.map(lambda account: account.address),
    other=PARTIES,
    amount=AMOUNTS,
    memo=MEMOS,
)


@dataclass
class Model:
    """Balances and allowances as plain numbers."""

    balances: dict[tuple[str, str], int]
    allowances: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def copy(self) -> Model:
        return Model(dict(self.balances), dict(self.allowances))

    def apply(self, sender: str, act: Act) -> bool:
        """Does one act; False when the token must refuse it."""
        if act.kind == "approve":
            self.allowances[act.token, sender, act.other] = act.amount
            return True
        owner = act.owner if act.kind == "from" else sender
        if act.other == NOWHERE:
            return False
        if act.kind == "from":
            allowed = self.allowances.get((act.token, owner, sender), 0)
            if act.amount > allowed:
                return False
            if allowed != UNLIMITED:
                self.allowances[act.token, owner, sender] = allowed - act.amount
        if act.amount > self.balances.get((act.token, owner), 0):
            return False
        self.balances[act.token, owner] -= act.amount
        self.balances[act.token, act.other] = self.balances.get((act.token, act.other), 0) + act.amount
        return True


@given(st.lists(st.tuples(SIGNERS, st.none() | SIGNERS, st.lists(ACTS, min_size=1, max_size=3)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_money_is_neither_made_nor_lost(
    transactions: list[tuple[LocalSigner, LocalSigner | None, list[Act]]],
) -> None:
    chain = Chain()
    chain.fund(*ACCOUNTS)
    supply = {token: view(chain, token, "totalSupply()") for token in TOKENS}
    faucet = chain.node.chain.faucet_address
    model = Model({(token, holder): chain.balance(holder, token) for token in TOKENS for holder in HOLDERS})
    for sender, sponsor, acts in transactions:
        payer = sponsor if sponsor not in (None, sender) else sender
        assert payer is not None
        model = step(chain, model, sender, payer, acts)
        for (token, holder), expected in model.balances.items():
            assert chain.balance(holder, token) == expected
    for token in TOKENS:
        assert view(chain, token, "totalSupply()") == supply[token]
        assert sum(chain.balance(holder, token) for holder in (*HOLDERS, faucet)) == supply[token]


def step(chain: Chain, model: Model, sender: LocalSigner, payer: LocalSigner, acts: list[Act]) -> Model:
    """Sends one transaction with a fee from `payer` and gives the model of what must be after it."""
    calls = tuple(act.call() for act in acts)
    held = -(-3_000_000 * 20 * 10**9 // 10**12)
    if model.balances[PATH, payer.address] < held:
        return model
    tx = chain.sponsored(sender, payer, *calls) if payer is not sender else chain.build(sender, *calls).sign(sender)
    receipt: dict[str, Any] = chain.send(tx)
    after = model.copy()
    # While the transaction runs, the most that it can cost is not the payer's to spend.
    hold = -(-3_000_000 * 11 * 10**9 // 10**12)
    after.balances[PATH, payer.address] -= hold
    ok = all(after.apply(sender.address, act) for act in acts)
    assert (receipt["status"] == "0x1") == ok
    after = after if ok else model.copy()
    after.balances[PATH, payer.address] += hold - paid(receipt) if ok else -paid(receipt)
    after.balances[PATH, FEES] += paid(receipt)
    return after


def view(chain: Chain, token: str, declaration: str) -> int:
    data = "0x" + keccak(declaration.encode())[:4].hex()
    return int(chain.rpc("eth_call", {"to": token, "data": data}, "latest"), 16)
