"""The escrow contract of v1 sessions, at the address it has on the public testnet: channels that are opened with an
allowance and stored whole, by their id.

Kept for servers and clients that have not moved to the channel reserve. Where no draft says what happens, it does what
the deployed contract was seen to do. Times are the chain's, in Unix seconds; amounts are base units in 128 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from mpp_console.methods.tempo.channels import ZERO_ADDRESS, legacy_channel_id
from mpp_console.methods.tempo.keys import keccak, recover_address, to_checksum
from mpp_console.methods.tempo.tip20 import encode_transfer, encode_transfer_from, is_token_address
from mpp_console.methods.tempo.vouchers import LEGACY_VOUCHER_TYPE, MAX_LEGACY_AMOUNT, VoucherDomain, parse_signature
from mpp_console.protocol import FormatError, ParseError
from mpp_console.sandbox.node.contracts import Frame, Function, FunctionTable, address_word, topic, word
from mpp_console.sandbox.node.reserve import GRACE_SECONDS
from mpp_console.sandbox.node.state import Revert, Slot

__all__ = ["ESCROW", "EscrowChannel", "StreamEscrow"]

ESCROW: Final = to_checksum("0xe1c4d3dce17bc111181ddf716f75bae49e61a336")

_HASHING: Final = 60
_RECOVERY: Final = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowChannel:
    """A channel as the contract stores it. One that is closed keeps nothing but that it was."""

    finalized: bool = False
    close_requested_at: int = 0
    payer: str = ZERO_ADDRESS
    payee: str = ZERO_ADDRESS
    token: str = ZERO_ADDRESS
    authorized_signer: str = ZERO_ADDRESS
    deposit: int = 0
    settled: int = 0

    @property
    def words(self) -> bytes:
        parties = (self.payer, self.payee, self.token, self.authorized_signer)
        flags = word(self.finalized) + word(self.close_requested_at)
        return flags + b"".join(map(address_word, parties)) + word(self.deposit) + word(self.settled)


def _slot(channel: bytes, part: str) -> Slot:
    return ("escrow", channel.hex(), part)


class StreamEscrow:
    """The contract at `ESCROW`."""

    __slots__ = ("_domain", "_table")

    def __init__(self, *, chain_id: int) -> None:
        self._domain = VoucherDomain.legacy(chain_id, ESCROW)
        self._table = FunctionTable((*self._views(), *self._movements()))

    def call(self, frame: Frame, data: bytes) -> bytes:
        return self._table.call(frame, data)

    # -- reading

    def _views(self) -> Iterable[Function]:
        yield Function("CLOSE_GRACE_PERIOD()", lambda _: word(GRACE_SECONDS))
        yield Function("VOUCHER_TYPEHASH()", lambda _: keccak(LEGACY_VOUCHER_TYPE.encode()))
        yield Function("domainSeparator()", lambda _: self._domain.prefix[2:])
        yield Function("eip712Domain()", _eip712_domain)
        yield Function("channels(bytes32)", lambda frame, channel: _load(frame, channel).words)
        yield Function("getChannel(bytes32)", lambda frame, channel: _load(frame, channel).words)
        yield Function("getChannelsBatch(bytes32[])", self._batch)
        yield Function("computeChannelId(address,address,address,bytes32,address)", self._compute_id)
        yield Function("getVoucherDigest(bytes32,uint128)", self._digest)

    def _batch(self, frame: Frame, channels: tuple[bytes, ...]) -> bytes:
        rows = [_load(frame, channel).words for channel in channels]
        return word(32) + word(len(rows)) + b"".join(rows)

    def _compute_id(self, frame: Frame, *parts: Any) -> bytes:
        payer, payee, token, salt, signer = parts
        frame.meter.charge(_HASHING)
        channel_id = legacy_channel_id(
            payer=payer,
            payee=payee,
            token=token,
            salt="0x" + salt.hex(),
            authorized_signer=signer,
            escrow=ESCROW,
            chain_id=frame.chain_id,
        )
        return bytes.fromhex(channel_id[2:])

    def _digest(self, frame: Frame, channel: bytes, cumulative: int) -> bytes:
        return self._domain.digest("0x" + channel.hex(), cumulative)

    # -- payer

    def _movements(self) -> Iterable[Function]:
        yield Function("open(address,address,uint128,bytes32,address)", self._open)
        yield Function("topUp(bytes32,uint256)", _over(self._top_up))
        yield Function("requestClose(bytes32)", _over(self._request_close))
        yield Function("withdraw(bytes32)", _over(self._withdraw))
        yield Function("settle(bytes32,uint128,bytes)", _over(self._settle))
        yield Function("close(bytes32,uint128,bytes)", _over(self._close))

    def _open(self, frame: Frame, *arguments: Any) -> bytes:
        payee, token, deposit, salt, signer = arguments
        if payee == ZERO_ADDRESS:
            raise Revert(_error("InvalidPayee"))
        if not is_token_address(token):
            raise Revert(_error("InvalidToken"))
        if not deposit:
            raise Revert(_error("ZeroDeposit"))
        channel = self._compute_id(frame, frame.sender, payee, token, salt, signer)
        known = _load(frame, channel)
        if known.deposit or known.finalized:
            raise Revert(_error("ChannelAlreadyExists"))
        opened = EscrowChannel(payer=frame.sender, payee=payee, token=token, authorized_signer=signer, deposit=deposit)
        _store(frame, channel, opened)
        frame.call(token, encode_transfer_from(frame.sender, ESCROW, deposit))
        data = address_word(token) + address_word(signer) + salt + word(deposit)
        _log(frame, _OPENED, channel, opened, data)
        return channel

    def _top_up(self, frame: Frame, channel: bytes, state: EscrowChannel, additional: int) -> None:
        _require(frame.sender == state.payer, "NotPayer")
        _require(additional > 0, "ZeroDeposit")
        _require(state.deposit + additional <= MAX_LEGACY_AMOUNT, "DepositOverflow")
        frame.call(state.token, encode_transfer_from(frame.sender, ESCROW, additional))
        grown = replace(state, deposit=state.deposit + additional, close_requested_at=0)
        _store(frame, channel, grown)
        if state.close_requested_at:
            _log(frame, _CANCELLED, channel, state)
        _log(frame, _TOPPED_UP, channel, state, word(additional) + word(grown.deposit))

    def _request_close(self, frame: Frame, channel: bytes, state: EscrowChannel) -> None:
        _require(frame.sender == state.payer, "NotPayer")
        if not state.close_requested_at:
            _store(frame, channel, replace(state, close_requested_at=frame.timestamp))
            _log(frame, _CLOSE_REQUESTED, channel, state, word(frame.timestamp + GRACE_SECONDS))

    def _withdraw(self, frame: Frame, channel: bytes, state: EscrowChannel) -> None:
        _require(frame.sender == state.payer, "NotPayer")
        ready = state.close_requested_at and frame.timestamp >= state.close_requested_at + GRACE_SECONDS
        _require(bool(ready), "CloseNotReady")
        self._finish(frame, channel, state, state.settled, expired=True)

    # -- payee

    def _settle(self, frame: Frame, channel: bytes, state: EscrowChannel, *voucher: Any) -> None:
        cumulative, signature = voucher
        _require(frame.sender == state.payee, "NotPayee")
        _require(cumulative <= state.deposit, "AmountExceedsDeposit")
        _require(cumulative > state.settled, "AmountNotIncreasing")
        self._require_voucher(frame, channel, state, cumulative, signature)
        _store(frame, channel, replace(state, settled=cumulative))
        _pay(frame, state.token, state.payee, cumulative - state.settled)
        _log(frame, _SETTLED, channel, state, word(cumulative) + word(cumulative - state.settled) + word(cumulative))

    def _close(self, frame: Frame, channel: bytes, state: EscrowChannel, *voucher: Any) -> None:
        cumulative, signature = voucher
        _require(frame.sender == state.payee, "NotPayee")
        if cumulative > state.settled:
            _require(cumulative <= state.deposit, "AmountExceedsDeposit")
            self._require_voucher(frame, channel, state, cumulative, signature)
        self._finish(frame, channel, state, max(cumulative, state.settled))

    def _finish(
        self, frame: Frame, channel: bytes, state: EscrowChannel, settled: int, *, expired: bool = False
    ) -> None:
        _store(frame, channel, EscrowChannel(finalized=True))
        _pay(frame, state.token, state.payee, settled - state.settled)
        _pay(frame, state.token, state.payer, state.deposit - settled)
        if expired:
            _log(frame, _EXPIRED, channel, state)
        _log(frame, _CLOSED, channel, state, word(settled) + word(state.deposit - settled))

    def _require_voucher(
        self, frame: Frame, channel: bytes, state: EscrowChannel, cumulative: int, signature: bytes
    ) -> None:
        frame.meter.charge(_RECOVERY)
        expected = state.payer if state.authorized_signer == ZERO_ADDRESS else state.authorized_signer
        try:
            digest = self._domain.digest("0x" + channel.hex(), cumulative)
            signer = recover_address(digest, parse_signature("0x" + signature.hex()))
        except (ParseError, FormatError) as error:
            raise Revert(_error("InvalidSignature")) from error
        _require(signer == expected, "InvalidSignature")


def _over(run: Callable[..., None]) -> Callable[..., bytes]:
    """A function over a channel that is open."""

    def answer(frame: Frame, channel: bytes, *arguments: Any) -> bytes:
        state = _load(frame, channel)
        _require(not state.finalized, "ChannelFinalized")
        _require(state.deposit > 0, "ChannelNotFound")
        run(frame, channel, state, *arguments)
        return b""

    return answer


def _load(frame: Frame, channel: bytes) -> EscrowChannel:
    def address(part: str) -> str:
        return to_checksum("0x" + word(frame.meter.read(_slot(channel, part)))[12:].hex())

    amounts, flags = frame.meter.read(_slot(channel, "amounts")), frame.meter.read(_slot(channel, "flags"))
    return EscrowChannel(
        finalized=bool(flags & 1),
        close_requested_at=flags >> 8,
        payer=address("payer"),
        payee=address("payee"),
        token=address("token"),
        authorized_signer=address("signer"),
        deposit=amounts & MAX_LEGACY_AMOUNT,
        settled=amounts >> 128,
    )


def _store(frame: Frame, channel: bytes, state: EscrowChannel) -> None:
    parties = {"payer": state.payer, "payee": state.payee, "token": state.token, "signer": state.authorized_signer}
    for part, address in parties.items():
        frame.meter.write(_slot(channel, part), int(address, 16))
    frame.meter.write(_slot(channel, "amounts"), state.deposit | state.settled << 128)
    frame.meter.write(_slot(channel, "flags"), int(state.finalized) | state.close_requested_at << 8)


def _pay(frame: Frame, token: str, recipient: str, amount: int) -> None:
    if amount:
        frame.call(token, encode_transfer(recipient, amount))


def _log(frame: Frame, first: bytes, channel: bytes, state: EscrowChannel, data: bytes = b"") -> None:
    frame.meter.emit(ESCROW, (first, channel, address_word(state.payer), address_word(state.payee)), data)


def _require(holds: bool, error: str) -> None:
    if not holds:
        raise Revert(_error(error))


def _error(name: str) -> bytes:
    return keccak(f"{name}()".encode())[:4]


def _eip712_domain(frame: Frame) -> bytes:
    """EIP-5267: which fields there are (name, version, chain, contract), and what is in them."""
    name, version = _text("Tempo Stream Channel"), _text("1")
    head = bytes.fromhex("0f") + bytes(31)
    head += word(7 * 32) + word(7 * 32 + len(name)) + word(frame.chain_id) + address_word(ESCROW) + bytes(32)
    return head + word(7 * 32 + len(name) + len(version)) + name + version + word(0)


def _text(text: str) -> bytes:
    raw = text.encode()
    return word(len(raw)) + raw + bytes(-len(raw) % 32)


_INDEXED: Final = "bytes32,address,address"
_OPENED: Final = topic(f"ChannelOpened({_INDEXED},address,address,bytes32,uint256)")
_SETTLED: Final = topic(f"Settled({_INDEXED},uint256,uint256,uint256)")
_TOPPED_UP: Final = topic(f"TopUp({_INDEXED},uint256,uint256)")
_CLOSE_REQUESTED: Final = topic(f"CloseRequested({_INDEXED},uint256)")
_CLOSED: Final = topic(f"ChannelClosed({_INDEXED},uint256,uint256)")
_CANCELLED: Final = topic(f"CloseRequestCancelled({_INDEXED})")
_EXPIRED: Final = topic(f"ChannelExpired({_INDEXED})")
