"""What a gate decides about a request. An adapter only has to send it, or to run the handler and hand in its answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from mpp_console.protocol import Challenge, Credential, Problem, Receipt
from mpp_console.server.fields import Fields, paid_fields
from mpp_console.server.idempotency import Ticket
from mpp_console.server.offers import Offer
from mpp_console.server.requests import GateRequest

__all__ = ["Admitted", "Challenged", "Managed", "Replayed", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenged:
    """Not admitted: send this. Commonly a 402 with challenges; also 400, 409, 413, 422, 429 and 500, which carry
    none."""

    status: int
    headers: Fields
    body: bytes
    problem: Problem
    challenges: tuple[Challenge, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Paid and answered before, with this `Idempotency-Key`: send the same answer again and run nothing."""

    status: int
    headers: Fields
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Paid. Run the handler, send its answer with `fields(...)`, then call `Gate.finish` whatever happened."""

    credential: Credential
    receipt: Receipt
    offer: Offer
    request: GateRequest = field(repr=False)
    ticket: Ticket | None = field(default=None, repr=False)

    @property
    def challenge(self) -> Challenge:
        return self.credential.challenge

    @property
    def headers(self) -> Fields:
        """What a successful answer without fields of its own needs."""
        return self.fields(200, ())

    def fields(self, status: int, headers: Fields) -> list[tuple[str, str]]:
        """The handler's header fields as they must leave: with the receipt on 2xx, never with one otherwise."""
        return paid_fields(headers, status=status, receipt=self.receipt.to_header().reveal())

    @property
    def keeps_answer(self) -> bool:
        """Whether `Gate.finish` wants the body, to give it again to a retry."""
        return self.ticket is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Managed:
    """A channel was managed (opened, topped up, paid into or closed), and nothing is to be delivered: send this."""

    receipt: Receipt
    offer: Offer
    action: str
    status: int = 204
    body: bytes = b""

    @property
    def headers(self) -> Fields:
        return paid_fields((), status=self.status, receipt=self.receipt.to_header().reveal())


Verdict = Challenged | Admitted | Managed | Replayed
