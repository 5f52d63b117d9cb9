"""The two protocols of sessions side by side: what a channel's id, transactions, events and vouchers are in each.

v1 is an escrow contract that takes an allowance and pays out whole vouchers, v2 the channel reserve of the chain
(tempo session draft, "Contract-Backed" and "Precompile-Backed Channel State"). Everybody else asks the dialect of a
channel, so that no other module has to know where they differ. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from . import legacy_abi as legacy
from . import reserve_abi as reserve
from .channels import MAX_RESERVE_AMOUNT, Descriptor, legacy_channel_id
from .client_channel import ChannelProtocol
from .keys import to_checksum
from .reserve_abi import ChannelEvent, ChannelEventKind, OnChainChannel, OpenCall
from .tip20 import Log, encode_approve
from .transaction import Call
from .vouchers import MAX_LEGACY_AMOUNT, VoucherDomain

__all__ = ["Dialect", "dialect_of"]


class Dialect(Protocol):
    """One protocol. Amounts are base units; an id names a channel, `parties` is its descriptor."""

    @property
    def version(self) -> ChannelProtocol: ...

    @property
    def maximum(self) -> int:
        """The largest sum that a channel holds."""
        ...

    @property
    def partial(self) -> bool:
        """Whether a close may take less than its voucher is over."""
        ...

    def domain(self, chain_id: int, escrow: str) -> VoucherDomain: ...

    def channel_id(self, parties: Descriptor, *, escrow: str, chain_id: int) -> str: ...

    def open_calls(self, call: OpenCall, escrow: str) -> tuple[Call, ...]:
        """What a payer signs to open a channel."""
        ...

    def top_up_calls(self, channel_id: str, parties: Descriptor, escrow: str, additional: int) -> tuple[Call, ...]: ...

    def request_close(self, channel_id: str, parties: Descriptor) -> bytes: ...

    def withdraw(self, channel_id: str, parties: Descriptor) -> bytes: ...

    def settle(self, channel_id: str, parties: Descriptor, cumulative: int, signature: bytes) -> bytes: ...

    def close(self, channel_id: str, parties: Descriptor, cumulative: int, capture: int, signature: bytes) -> bytes:
        """Where a close is not partial, `capture` must be the sum of the voucher."""
        ...

    def encode_states(self, channel_ids: Sequence[str]) -> bytes: ...

    def decode_states(self, result: bytes, count: int) -> tuple[OnChainChannel, ...]:
        """Raises ParseError."""
        ...

    def topic(self, kind: ChannelEventKind) -> str: ...

    def events(self, logs: Iterable[Log], escrow: str) -> list[ChannelEvent]: ...


class _Reserve:
    """v2."""

    version: ChannelProtocol = "v2"
    maximum = MAX_RESERVE_AMOUNT
    partial = True

    def domain(self, chain_id: int, escrow: str) -> VoucherDomain:
        return VoucherDomain.reserve(chain_id, escrow)

    def channel_id(self, parties: Descriptor, *, escrow: str, chain_id: int) -> str:
        return parties.channel_id(escrow=escrow, chain_id=chain_id)

    def open_calls(self, call: OpenCall, escrow: str) -> tuple[Call, ...]:
        return (Call(to_checksum(escrow), 0, reserve.encode_open(call)),)

    def top_up_calls(self, channel_id: str, parties: Descriptor, escrow: str, additional: int) -> tuple[Call, ...]:
        return (Call(to_checksum(escrow), 0, reserve.encode_top_up(parties, additional)),)

    def request_close(self, channel_id: str, parties: Descriptor) -> bytes:
        return reserve.encode_request_close(parties)

    def withdraw(self, channel_id: str, parties: Descriptor) -> bytes:
        return reserve.encode_withdraw(parties)

    def settle(self, channel_id: str, parties: Descriptor, cumulative: int, signature: bytes) -> bytes:
        return reserve.encode_settle(parties, cumulative, signature)

    def close(self, channel_id: str, parties: Descriptor, cumulative: int, capture: int, signature: bytes) -> bytes:
        return reserve.encode_close(parties, cumulative=cumulative, capture=capture, signature=signature)

    def encode_states(self, channel_ids: Sequence[str]) -> bytes:
        return reserve.encode_get_states(channel_ids)

    def decode_states(self, result: bytes, count: int) -> tuple[OnChainChannel, ...]:
        return reserve.decode_states(result, count)

    def topic(self, kind: ChannelEventKind) -> str:
        return reserve.event_topic(kind)

    def events(self, logs: Iterable[Log], escrow: str) -> list[ChannelEvent]:
        return reserve.decode_events(logs, escrow=escrow)


class _Contract:
    """v1. The contract takes its money by an allowance, so that an approval of just that precedes every deposit."""

    version: ChannelProtocol = "v1"
    maximum = MAX_LEGACY_AMOUNT
    partial = False

    def domain(self, chain_id: int, escrow: str) -> VoucherDomain:
        return VoucherDomain.legacy(chain_id, escrow)

    def channel_id(self, parties: Descriptor, *, escrow: str, chain_id: int) -> str:
        return legacy_channel_id(
            payer=parties.payer,
            payee=parties.payee,
            token=parties.token,
            salt=parties.salt,
            authorized_signer=parties.authorized_signer,
            escrow=escrow,
            chain_id=chain_id,
        )

    def open_calls(self, call: OpenCall, escrow: str) -> tuple[Call, ...]:
        return (_approval(call.token, escrow, call.deposit), _call(escrow, legacy.encode_legacy_open(call)))

    def top_up_calls(self, channel_id: str, parties: Descriptor, escrow: str, additional: int) -> tuple[Call, ...]:
        adding = legacy.encode_legacy_top_up(channel_id, additional)
        return (_approval(parties.token, escrow, additional), _call(escrow, adding))

    def request_close(self, channel_id: str, parties: Descriptor) -> bytes:
        return legacy.encode_legacy_request_close(channel_id)

    def withdraw(self, channel_id: str, parties: Descriptor) -> bytes:
        return legacy.encode_legacy_withdraw(channel_id)

    def settle(self, channel_id: str, parties: Descriptor, cumulative: int, signature: bytes) -> bytes:
        return legacy.encode_legacy_settle(channel_id, cumulative, signature)

    def close(self, channel_id: str, parties: Descriptor, cumulative: int, capture: int, signature: bytes) -> bytes:
        return legacy.encode_legacy_close(channel_id, cumulative, signature)

    def encode_states(self, channel_ids: Sequence[str]) -> bytes:
        return legacy.encode_legacy_states(channel_ids)

    def decode_states(self, result: bytes, count: int) -> tuple[OnChainChannel, ...]:
        return legacy.decode_legacy_states(result, count)

    def topic(self, kind: ChannelEventKind) -> str:
        return legacy.legacy_topic(kind)

    def events(self, logs: Iterable[Log], escrow: str) -> list[ChannelEvent]:
        return legacy.decode_legacy_events(logs, escrow=escrow)


_DIALECTS: Final[dict[ChannelProtocol, Dialect]] = {"v1": _Contract(), "v2": _Reserve()}


def dialect_of(version: ChannelProtocol) -> Dialect:
    """What is spoken in a protocol."""
    return _DIALECTS[version]


def _approval(token: str, escrow: str, amount: int) -> Call:
    return Call(to_checksum(token), 0, encode_approve(to_checksum(escrow), amount))


def _call(escrow: str, data: bytes) -> Call:
    return Call(to_checksum(escrow), 0, data)
