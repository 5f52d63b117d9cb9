"""Whether a transaction, or what the chain logged of one, makes exactly the transfers that a charge asks for.

Pure functions for the payee (before and after broadcast), for the payer's own transfers, and for conformance tests.
Each expected transfer must be covered by a call or a log of its own, and the primary one must be bound to the
challenge (tempo charge spec, "Transaction Verification" and "Hash Verification").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mpp_console.protocol import Challenge, VerificationFailed

from .attribution import matches
from .keys import address_bytes
from .schema import ChargeRequest
from .tip20 import (
    SELECTORS,
    TRANSFER_TOPIC,
    TRANSFER_WITH_MEMO_TOPIC,
    Log,
    TransferEvent,
    decode_call,
    decode_transfers,
)
from .transaction import Call

__all__ = ["ExpectedTransfer", "expected_transfers", "match_calls", "match_receipt", "transfer_effects"]

_SWAP_EXACT_OUT: Final = bytes.fromhex("f0122b75")
"""swapExactAmountOut(address,address,uint128,uint128) of the stablecoin exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTransfer:
    """One transfer that must happen. `memo` None allows any, unless `bound_to` asks for this challenge's attribution
    memo.
    """

    recipient: str
    amount: int
    memo: bytes | None = None
    bound_to: tuple[str, str] | None = None

    def accepts(self, recipient: str, amount: int, memo: bytes | None) -> bool:
        if recipient != self.recipient or amount != self.amount:
            return False
        if self.memo is not None:
            return memo == self.memo
        return self.bound_to is None or matches(memo, *self.bound_to)


def expected_transfers(request: ChargeRequest, challenge: Challenge | None) -> tuple[ExpectedTransfer, ...]:
    """The primary transfer (what the splits leave) and one for each split.

    The primary carries the request's memo, or else a memo attributed to `challenge`; without a challenge that binding
    is not asked for, which is right only for checks that something stricter follows.
    """
    primary = ExpectedTransfer(
        recipient=request.recipient,
        amount=request.remainder,
        memo=_memo_bytes(request.memo),
        bound_to=(challenge.realm, challenge.id) if challenge is not None and request.memo is None else None,
    )
    splits = (
        ExpectedTransfer(recipient=split.recipient, amount=split.amount, memo=_memo_bytes(split.memo))
        for split in request.splits
    )
    return (primary, *splits)


def match_calls(
    calls: Sequence[Call], request: ChargeRequest, challenge: Challenge | None, *, dex: str | None = None
) -> None:
    """Every expected transfer is one call, and there are no other calls. Raises VerificationFailed.

    Calldata must be canonical. With `dex` the payer may first approve and make one swap on that exchange into the
    currency, as wallets do that hold another token.
    """
    payment = calls[2:] if dex is not None and _is_swap_prefix(calls, request, dex) else calls
    expected = expected_transfers(request, challenge)
    if len(payment) > len(expected):
        raise VerificationFailed("Invalid transaction: contains unauthorized extra calls", code="extra-calls")
    found: list[tuple[str, int, bytes | None] | None] = []
    for call in payment:
        decoded = decode_call(call.data) if call.to == request.currency and call.value == 0 else None
        plain = decoded is not None and decoded.kind in {"transfer", "transferWithMemo"}
        found.append((decoded.recipient, decoded.amount, decoded.memo) if plain and decoded is not None else None)
    if not _all_covered(
        len(expected),
        len(found),
        lambda want, have: (fact := found[have]) is not None and expected[want].accepts(*fact),
    ):
        raise VerificationFailed("Invalid transaction: no matching payment call found", code="no-matching-call")


def match_receipt(
    logs: Sequence[Log], request: ChargeRequest, challenge: Challenge | None, *, sender: str | None
) -> tuple[TransferEvent, ...]:
    """The logged transfers that pay the charge, the primary one first. Raises VerificationFailed.

    Only logs of the currency's own token count, each for one expected transfer. `sender` is who must have paid; None
    leaves it open but all must come from one account. Other transfers (fees, swaps) may stand in the logs too.
    """
    expected = expected_transfers(request, challenge)
    events = [
        event for event in transfer_effects(logs) if event.token == request.currency and sender in {None, event.sender}
    ]
    for payer in dict.fromkeys(event.sender for event in events):
        own = [event for event in events if event.sender == payer]
        pairs = _cover(
            len(expected),
            len(own),
            lambda want, have: expected[want].accepts(own[have].recipient, own[have].amount, own[have].memo),  # noqa: B023
        )
        if pairs is not None:
            return tuple(own[have] for have in pairs)
    loose = expected_transfers(request, None)
    if challenge is not None and request.memo is None and _moved(loose, events):
        raise VerificationFailed(
            "Payment verification failed: memo is not bound to this challenge",
            code="memo-not-bound",
            hint="Pay the challenge of this request; a payment for another one does not count.",
        )
    raise VerificationFailed("Payment verification failed: no matching transfer found", code="no-matching-transfer")


def transfer_effects(logs: Sequence[Log]) -> list[TransferEvent]:
    """Movements of money, each once.

    A transfer with a memo is logged as `Transfer` and as `TransferWithMemo`. Each memo log stands for one `Transfer`
    log of the same facts when there is one left, whichever came first, and otherwise for itself; so no movement is
    counted twice.
    """
    plain: list[TransferEvent] = []
    with_memo: list[TransferEvent] = []
    for log in logs:
        topic = log.topics[0] if log.topics else ""
        if topic == TRANSFER_TOPIC:
            plain += decode_transfers([log])
        elif topic == TRANSFER_WITH_MEMO_TOPIC and len(log.topics) == 4:
            twin = replace(log, topics=(TRANSFER_TOPIC, *log.topics[1:3]))
            with_memo += decode_transfers([twin, log])
    for event in with_memo:
        bare = replace(event, memo=None)
        if bare in plain:
            plain.remove(bare)
    return with_memo + plain


def _moved(expected: Sequence[ExpectedTransfer], events: Sequence[TransferEvent]) -> bool:
    return _all_covered(
        len(expected),
        len(events),
        lambda want, have: expected[want].accepts(events[have].recipient, events[have].amount, events[have].memo),
    )


def _all_covered(wants: int, haves: int, fits: Callable[[int, int], bool]) -> bool:
    return _cover(wants, haves, fits) is not None


def _cover(wants: int, haves: int, fits: Callable[[int, int], bool]) -> list[int] | None:
    """Gives every `want` a `have` of its own, or None (bipartite matching by augmenting paths).

    Taking the first that fits would be wrong: a split without a memo could take the one transfer that carries the
    primary's.
    """
    taken_by: dict[int, int] = {}

    def place(want: int, tried: set[int]) -> bool:
        for have in range(haves):
            if have in tried or not fits(want, have):
                continue
            tried.add(have)
            if have not in taken_by or place(taken_by[have], tried):
                taken_by[have] = want
                return True
        return False

    if not all(place(want, set()) for want in range(wants)):
        return None
    by_want = {want: have for have, want in taken_by.items()}
    return [by_want[want] for want in range(wants)]


def _is_swap_prefix(calls: Sequence[Call], request: ChargeRequest, dex: str) -> bool:
    """`approve(dex, most)` on some token, then `swapExactAmountOut(thatToken, currency, amount, most)` on the
    exchange.
    """
    if len(calls) < 3 or calls[0].data[:4] != SELECTORS["approve"] or calls[1].data[:4] != _SWAP_EXACT_OUT:
        return False
    approve, swap = calls[0], calls[1]
    allowed = decode_call(approve.data)
    words = [swap.data[start : start + 32] for start in range(4, len(swap.data), 32)]
    if allowed is None or len(swap.data) != 4 + 4 * 32 or approve.to is None or swap.to is None:
        return False
    same_input = words[0] == bytes(12) + address_bytes(approve.to)
    into_currency = words[1] == bytes(12) + address_bytes(request.currency)
    exact = int.from_bytes(words[2], "big") == request.amount and int.from_bytes(words[3], "big") == allowed.amount
    on_exchange = swap.to.lower() == dex.lower() == allowed.recipient.lower()
    return same_input and into_currency and exact and on_exchange and approve.value == swap.value == 0


def _memo_bytes(memo: str | None) -> bytes | None:
    return None if memo is None else bytes.fromhex(memo[2:])
