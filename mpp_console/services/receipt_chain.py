"""What the chain says of a receipt's transaction, for people: outcome, confirmations, fee, and its logs decoded.

Asks the node of the profile; spends nothing.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mpp_console.protocol import Currency
from mpp_console.services.models import ChainView, LogView, Money, ReceiptRow
from mpp_console.services.once import load
from mpp_console.services.views import explorer_url

if TYPE_CHECKING:
    from mpp_console.methods.tempo.chain import Chain, TxReceipt
    from mpp_console.methods.tempo.networks import Network
    from mpp_console.methods.tempo.tip20 import Log
    from mpp_console.services.engine import Engine

__all__ = ["chain_view"]

_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_BY_VOUCHER: Final = {
    "sent": "A voucher paid this: it has no transaction of its own. Sessions tells what the chain has of its channel.",
    "received": "A voucher paid this: it has no transaction of its own. Its channel is among those of the server.",
}
_WORD: Final = 32
_RAW_LIMIT: Final = 8  # words of an unknown log's data that are shown


async def chain_view(engine: Engine, row: ReceiptRow) -> ChainView:
    """The transaction that `row` refers to. Raises an MppError when the node cannot be asked."""
    reference, network = row.reference, engine.network
    if row.by_voucher:
        return ChainView(reference=reference, explorer_url=None, status="voucher", note=_BY_VOUCHER[row.direction])
    where = explorer_url(reference, row.network, network)
    if row.network != network.name:
        return ChainView(
            reference=reference,
            explorer_url=where,
            status="unknown",
            note=f"This receipt is of the network {row.network}; this profile asks {network.name} only.",
        )
    if not _HASH.fullmatch(reference):
        why = "The receipt names no transaction." if reference else "The receipt has no reference."
        return ChainView(reference=reference, explorer_url=None, status="unknown", note=why)
    chain = await engine.chain.get()
    await load("mpp_console.methods.tempo.tip20")
    found = await chain.receipt(reference)
    if found is None:
        return await _not_included(chain, reference, where)
    return await _included(chain, network, found, reference, where)


async def _not_included(chain: Chain, reference: str, where: str | None) -> ChainView:
    if await chain.transaction(reference) is not None:
        return ChainView(
            reference=reference, explorer_url=where, status="pending", note="The node has it, but in no block yet."
        )
    return ChainView(
        reference=reference, explorer_url=where, status="unknown", note="The node does not know this transaction."
    )


async def _included(chain: Chain, network: Network, found: TxReceipt, reference: str, where: str | None) -> ChainView:
    from mpp_console.methods.tempo.chain import fee_in_token

    latest = await chain.block("latest")
    block = latest if latest.number == found.block_number else await chain.block(found.block_number)
    fee_token = None if found.fee_token is None else network.token(found.fee_token)
    fee = None
    if fee_token is not None:
        fee = Money(amount=fee_in_token(found.gas_used, found.effective_gas_price), currency=fee_token.currency)
    return ChainView(
        reference=reference,
        explorer_url=where,
        status="success" if found.status else "reverted",
        block=found.block_number,
        confirmations=max(latest.number - found.block_number + 1, 1),
        timestamp=datetime.fromtimestamp(block.timestamp, UTC),
        sender=found.sender,
        fee_payer=found.fee_payer,
        fee=fee,
        gas_used=found.gas_used,
        logs=tuple(_log_view(log, network) for log in found.logs),
        note="" if found.status else "It was included and reverted: a fee was taken, nothing else happened.",
    )


def _log_view(log: Log, network: Network) -> LogView:
    from mpp_console.methods.tempo.tip20 import APPROVAL_TOPIC, TRANSFER_TOPIC, TRANSFER_WITH_MEMO_TOPIC

    token = network.token(log.address)
    currency = None if token is None else token.currency
    shape = (log.topics[0] if log.topics else "", len(log.topics), len(log.data))
    match shape:
        case (topic, 3, 32) if topic == TRANSFER_TOPIC:
            name, parties, memo = "Transfer", ("from", "to"), None
        case (topic, 4, 32) if topic == TRANSFER_WITH_MEMO_TOPIC:
            name, parties, memo = "TransferWithMemo", ("from", "to"), log.topics[3]
        case (topic, 3, 32) if topic == APPROVAL_TOPIC:
            name, parties, memo = "Approval", ("owner", "spender"), None
        case _:
            return LogView(address=log.address, name="", facts=_raw_facts(log))
    facts = [(party, _address(topic)) for party, topic in zip(parties, log.topics[1:3], strict=True)]
    facts.append(("amount", _amount(int.from_bytes(log.data, "big"), currency)))
    if memo is not None:
        facts.append(("memo", memo))
    return LogView(address=log.address, name=name, facts=tuple(facts))


def _raw_facts(log: Log) -> tuple[tuple[str, str], ...]:
    words = [log.data[start : start + _WORD].hex() for start in range(0, len(log.data), _WORD)]
    facts = [(f"topic {number}", topic) for number, topic in enumerate(log.topics)]
    facts += [(f"data {number}", f"0x{word}") for number, word in enumerate(words[:_RAW_LIMIT])]
    if len(words) > _RAW_LIMIT:
        facts.append(("data", f"{len(words) - _RAW_LIMIT} more words"))
    return tuple(facts)


def _address(topic: str) -> str:
    from mpp_console.methods.tempo.keys import to_checksum

    return to_checksum("0x" + topic[-40:])


def _amount(amount: int, currency: Currency | None) -> str:
    """In units of a token that is listed, else in base units."""
    return f"{amount} base units" if currency is None else Money(amount=amount, currency=currency).text
