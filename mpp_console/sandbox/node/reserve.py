"""The channel reserve of the sandbox's chain (TIP-1034): deposits of payers, claimed by payees with signed vouchers.

Only the packed state of a channel is stored; who takes part in it comes with every call and is bound by the channel's
id. Times are the chain's own, in Unix seconds; amounts are base units in 96 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mpp_console.methods.tempo.channels import MAX_RESERVE_AMOUNT, RESERVE, ZERO_ADDRESS, Descriptor
from mpp_console.methods.tempo.keys import Signature, keccak, recover_address
from mpp_console.methods.tempo.tip20 import is_token_address
from mpp_console.methods.tempo.vouchers import VOUCHER_TYPE, VoucherDomain
from mpp_console.protocol import FormatError, ParseError
from mpp_console.sandbox.node.contracts import Frame, Function, FunctionTable, address_word, topic, word
from mpp_console.sandbox.node.state import Revert, Slot
from mpp_console.sandbox.node.tip20 import Tip20

__all__ = ["GRACE_SECONDS", "ChannelReserve", "ChannelState"]

GRACE_SECONDS: Final = 15 * 60
"""How long a payee has to claim what it is owed after the payer asked to close."""

_HASHING: Final = 60
_RECOVERY: Final = 3_000
_DESCRIPTOR: Final = "(address,address,address,address,bytes32,address,bytes32)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """What is stored of a channel, in one slot: 96 bits settled, 96 bits deposited, 32 bits of when a close was
    requested.
    """

    settled: int = 0
    deposit: int = 0
    close_requested_at: int = 0

    @classmethod
    def unpack(cls, packed: int) -> ChannelState:
        return cls(
            settled=packed & MAX_RESERVE_AMOUNT,
            deposit=packed >> 96 & MAX_RESERVE_AMOUNT,
            close_requested_at=packed >> 192 & 2**32 - 1,
        )

    def pack(self) -> int:
        return self.settled | self.deposit << 96 | self.close_requested_at << 192

    @property
    def words(self) -> bytes:
        return word(self.settled) + word(self.deposit) + word(self.close_requested_at)


def _state_slot(channel_id: str) -> Slot:
    return ("channel", channel_id)


class ChannelReserve:
    """The contract at `RESERVE`. Moves the tokens of `tokens` without an allowance, as the chain itself may."""

    __slots__ = ("_domain", "_table", "_tokens")

    def __init__(self, tokens: Mapping[str, Tip20], *, chain_id: int) -> None:
        self._tokens = tokens
        self._domain = VoucherDomain.reserve(chain_id)
        self._table = FunctionTable((*self._views(), *self._movements()))

    def call(self, frame: Frame, data: bytes) -> bytes:
        return self._table.call(frame, data)

    # -- reading

    def _views(self) -> Iterable[Function]:
        yield Function("CLOSE_GRACE_PERIOD()", lambda _: word(GRACE_SECONDS))
        yield Function("VOUCHER_TYPEHASH()", lambda _: keccak(VOUCHER_TYPE.encode()))
        yield Function("domainSeparator()", lambda _: self._domain.prefix[2:])
        yield Function(f"getChannel({_DESCRIPTOR})", self._get_channel)
        yield Function("getChannelState(bytes32)", lambda frame, channel: _read(frame, "0x" + channel.hex()).words)
        yield Function("getChannelStatesBatch(bytes32[])", self._get_states)
        yield Function(f"computeChannelId{_DESCRIPTOR}", self._compute_id)
        yield Function("getVoucherDigest(bytes32,uint96)", self._digest)

    def _get_channel(self, frame: Frame, *parts: Any) -> bytes:
        descriptor = _descriptor(parts)
        return _words(descriptor) + _read(frame, _channel_id(frame, descriptor)).words

    def _get_states(self, frame: Frame, channels: tuple[bytes, ...]) -> bytes:
        states = [_read(frame, "0x" + channel.hex()) for channel in channels]
        return word(32) + word(len(states)) + b"".join(state.words for state in states)

    def _compute_id(self, frame: Frame, *parts: Any) -> bytes:
        return bytes.fromhex(_channel_id(frame, _descriptor(parts))[2:])

    def _digest(self, frame: Frame, channel: bytes, cumulative: int) -> bytes:
        return self._domain.digest("0x" + channel.hex(), cumulative)

    # -- payer

    def _movements(self) -> Iterable[Function]:
        yield Function("open(address,address,address,uint96,bytes32,address)", self._open)
        yield Function(f"topUp({_DESCRIPTOR},uint96)", self._over(self._top_up))
        yield Function(f"requestClose({_DESCRIPTOR})", self._over(self._request_close))
        yield Function(f"withdraw({_DESCRIPTOR})", self._over(self._withdraw))
        yield Function(f"settle({_DESCRIPTOR},uint96,bytes)", self._over(self._settle))
        yield Function(f"close({_DESCRIPTOR},uint96,uint96,bytes)", self._over(self._close))

    def _over(self, run: Callable[..., None]) -> Callable[..., bytes]:
        """A function over an existing channel: the descriptor's seven words, then its own arguments."""

        def answer(frame: Frame, *parts: Any) -> bytes:
            run(_Channel(frame, _descriptor(parts[:7]), self._tokens), *parts[7:])
            return b""

        return answer

    def _open(self, frame: Frame, *arguments: Any) -> bytes:
        payee, operator, token, deposit, salt, signer = arguments
        if payee == ZERO_ADDRESS or is_token_address(payee):
            raise Revert(_error("InvalidPayee"))
        if token not in self._tokens:
            raise Revert(_error("InvalidToken"))
        if not deposit:
            raise Revert(_error("ZeroDeposit"))
        if not any(frame.context_hash):
            raise Revert(_error("ExpiringNonceHashNotSet"))
        descriptor = Descriptor(
            payer=frame.sender,
            payee=payee,
            operator=operator,
            token=token,
            salt="0x" + salt.hex(),
            authorized_signer=signer,
            expiring_nonce_hash="0x" + frame.context_hash.hex(),
        )
        channel_id = _channel_id(frame, descriptor)
        opened = ("opened", channel_id)
        if _read(frame, channel_id).deposit or opened in frame.meter.transient:
            raise Revert(_error("ChannelAlreadyExists"))
        self._tokens[token].system_move(frame, frame.sender, RESERVE, deposit)
        _write(frame, channel_id, ChannelState(deposit=deposit))
        frame.meter.transient.add(opened)
        data = address_word(operator) + address_word(token) + address_word(signer) + salt + frame.context_hash
        _log(frame, _OPENED, channel_id, descriptor, data + word(deposit))
        return bytes.fromhex(channel_id[2:])

    def _top_up(self, channel: _Channel, additional: int) -> None:
        channel.require_payer()
        state = channel.state
        if not additional and not state.close_requested_at:
            return
        if state.deposit + additional > MAX_RESERVE_AMOUNT:
            raise Revert(_error("DepositOverflow"))
        if additional:
            channel.token.system_move(channel.frame, channel.frame.sender, RESERVE, additional)
        grown = replace(state, deposit=state.deposit + additional, close_requested_at=0)
        channel.store(grown)
        if state.close_requested_at:
            channel.log(_CANCELLED)
        channel.log(_TOPPED_UP, additional, grown.deposit)

    def _request_close(self, channel: _Channel) -> None:
        channel.require_payer()
        if not channel.state.close_requested_at:
            now = channel.frame.timestamp
            channel.store(replace(channel.state, close_requested_at=now))
            channel.log(_CLOSE_REQUESTED, now + GRACE_SECONDS)

    def _withdraw(self, channel: _Channel) -> None:
        channel.require_payer()
        state = channel.state
        if not state.close_requested_at or channel.frame.timestamp < state.close_requested_at + GRACE_SECONDS:
            raise Revert(_error("CloseNotReady"))
        channel.store(ChannelState())
        channel.pay(channel.descriptor.payer, state.deposit - state.settled)
        channel.log(_CLOSED, state.settled, state.deposit - state.settled)

    # -- payee

    def _settle(self, channel: _Channel, cumulative: int, signature: bytes) -> None:
        channel.require_payee()
        state = channel.state
        if cumulative > state.deposit:
            raise Revert(_error("AmountExceedsDeposit"))
        if cumulative <= state.settled:
            raise Revert(_error("AmountNotIncreasing"))
        self._require_voucher(channel, cumulative, signature)
        channel.store(replace(state, settled=cumulative))
        channel.pay(channel.descriptor.payee, cumulative - state.settled)
        channel.log(_SETTLED, cumulative, cumulative - state.settled, cumulative)

    def _close(self, channel: _Channel, cumulative: int, capture: int, signature: bytes) -> None:
        channel.require_payee()
        state = channel.state
        if not state.settled <= capture <= cumulative:
            raise Revert(_error("CaptureAmountInvalid"))
        if capture > state.deposit:
            raise Revert(_error("AmountExceedsDeposit"))
        if capture > state.settled:
            self._require_voucher(channel, cumulative, signature)
        channel.store(ChannelState())
        channel.pay(channel.descriptor.payee, capture - state.settled)
        channel.pay(channel.descriptor.payer, state.deposit - capture)
        channel.log(_CLOSED, capture, state.deposit - capture)

    def _require_voucher(self, channel: _Channel, cumulative: int, signature: bytes) -> None:
        channel.frame.meter.charge(_RECOVERY)
        try:
            signer = recover_address(self._domain.digest(channel.id, cumulative), Signature.from_bytes65(signature))
        except (ParseError, FormatError) as error:
            raise Revert(_error("InvalidSignature")) from error
        if signer != channel.descriptor.voucher_signer:
            raise Revert(_error("InvalidSignature"))


class _Channel:
    """One call on an existing channel. Making it raises Revert for a channel that is not there."""

    __slots__ = ("descriptor", "frame", "id", "state", "token")

    def __init__(self, frame: Frame, descriptor: Descriptor, tokens: Mapping[str, Tip20]) -> None:
        self.frame, self.descriptor = frame, descriptor
        self.id = _channel_id(frame, descriptor)
        self.state = _read(frame, self.id)
        if not self.state.deposit:
            raise Revert(_error("ChannelNotFound"))
        self.token = tokens[descriptor.token]  # a channel is opened on a token that there is

    def require_payer(self) -> None:
        if self.frame.sender != self.descriptor.payer:
            raise Revert(_error("NotPayer"))

    def require_payee(self) -> None:
        """The payee, or the operator where one is named."""
        allowed = {self.descriptor.payee, self.descriptor.operator} - {ZERO_ADDRESS}
        if self.frame.sender not in allowed:
            raise Revert(_error("NotPayeeOrOperator"))

    def store(self, state: ChannelState) -> None:
        _write(self.frame, self.id, state)

    def pay(self, recipient: str, amount: int) -> None:
        if amount:
            self.token.system_move(self.frame, RESERVE, recipient, amount)

    def log(self, first: bytes, *values: int) -> None:
        _log(self.frame, first, self.id, self.descriptor, b"".join(map(word, values)))


def _channel_id(frame: Frame, descriptor: Descriptor) -> str:
    frame.meter.charge(_HASHING)
    return descriptor.channel_id(escrow=RESERVE, chain_id=frame.chain_id)


def _read(frame: Frame, channel_id: str) -> ChannelState:
    return ChannelState.unpack(frame.meter.read(_state_slot(channel_id)))


def _write(frame: Frame, channel_id: str, state: ChannelState) -> None:
    frame.meter.write(_state_slot(channel_id), state.pack())


def _log(frame: Frame, first: bytes, channel_id: str, descriptor: Descriptor, data: bytes) -> None:
    parties = address_word(descriptor.payer), address_word(descriptor.payee)
    frame.meter.emit(RESERVE, (first, bytes.fromhex(channel_id[2:]), *parties), data)


def _descriptor(parts: tuple[Any, ...]) -> Descriptor:
    payer, payee, operator, token, salt, signer, nonce_hash = parts
    return Descriptor(
        payer=payer,
        payee=payee,
        operator=operator,
        token=token,
        salt="0x" + salt.hex(),
        authorized_signer=signer,
        expiring_nonce_hash="0x" + nonce_hash.hex(),
    )


def _words(descriptor: Descriptor) -> bytes:
    parties = (descriptor.payer, descriptor.payee, descriptor.operator, descriptor.token)
    hashes = bytes.fromhex(descriptor.salt[2:]), bytes.fromhex(descriptor.expiring_nonce_hash[2:])
    return b"".join(map(address_word, parties)) + hashes[0] + address_word(descriptor.authorized_signer) + hashes[1]


def _error(name: str) -> bytes:
    return keccak(f"{name}()".encode())[:4]


_INDEXED: Final = "bytes32,address,address"
_OPENED: Final = topic(f"ChannelOpened({_INDEXED},address,address,address,bytes32,bytes32,uint96)")
_SETTLED: Final = topic(f"Settled({_INDEXED},uint96,uint96,uint96)")
_TOPPED_UP: Final = topic(f"TopUp({_INDEXED},uint96,uint96)")
_CLOSE_REQUESTED: Final = topic(f"CloseRequested({_INDEXED},uint256)")
_CLOSED: Final = topic(f"ChannelClosed({_INDEXED},uint96,uint96)")
_CANCELLED: Final = topic(f"CloseRequestCancelled({_INDEXED})")
