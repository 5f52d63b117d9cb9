"""The escrows a payee takes channels of: the chain's reserve (v2), and the contract that older clients know (v1). Pure.

Says which escrow a protocol or a record means, and nothing else: it asks no chain and keeps no channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .client_channel import ChannelProtocol
from .keys import Signer, to_checksum
from .session_escrow import Escrow
from .session_problems import ChannelUnseen
from .session_record import ChannelRecord

__all__ = ["Escrows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Escrows:
    """One escrow a protocol; a protocol that is missing is neither offered nor taken."""

    by_protocol: Mapping[ChannelProtocol, Escrow]

    @classmethod
    def of_recipient(cls, reserve: Escrow, recipient: str, *, legacy: str | None, own_key: Signer | None) -> Escrows:
        """`reserve`, and the v1 contract at `legacy` where `own_key` (None: the reserve's signer) is the recipient's.

        Its transactions are then signed by that key, and the reserve's signer pays their fees.
        """
        found: dict[ChannelProtocol, Escrow] = {"v2": reserve}
        key = own_key or reserve.signer
        if legacy is not None and key.address == recipient:
            found["v1"] = replace(
                reserve,
                address=to_checksum(legacy),
                protocol="v1",
                signer=key,
                fee_payer=None if key is reserve.signer else reserve.signer,
            )
        return cls(by_protocol=found)

    @property
    def addresses(self) -> dict[ChannelProtocol, str]:
        """Where each protocol's channels are, checksummed."""
        return {protocol: escrow.address for protocol, escrow in self.by_protocol.items()}

    def get(self, protocol: ChannelProtocol) -> Escrow | None:
        return self.by_protocol.get(protocol)

    def of(self, record: ChannelRecord) -> Escrow:
        """Raises ChannelUnseen for a channel of an escrow that is not configured any more."""
        escrow = self.by_protocol.get(record.protocol)
        if escrow is None or escrow.address != record.escrow:
            raise ChannelUnseen("The channel is of an escrow that is not used here.", code="foreign-escrow")
        return escrow
