"""The latest requests of the local server in full: kept raw in memory, and shown with their secrets masked."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from mpp_console.protocol import (
    PAYMENT_RECEIPT,
    PROBLEM_JSON,
    WWW_AUTHENTICATE,
    Credential,
    Findings,
    hide_credentials,
    inert,
    parse_challenges,
    parse_credential,
    parse_problem,
    parse_receipt,
)
from mpp_console.services.models import LegTiming, ProblemView, RequestDetail, RequestRow
from mpp_console.services.views import MASK, inert_value, is_secret_header, masked_headers, problem_view

if TYPE_CHECKING:
    from mpp_console.sandbox.demo import Exchange

__all__ = ["KEPT_EXCHANGES", "Exchanges"]

KEPT_EXCHANGES: Final = 200
_BODY_LIMIT: Final = 16 * 1024
_PUBLIC_PAYLOAD: Final = frozenset({"type", "hash"})
"""What a credential's payload may show: how it paid, and a transaction that is on the chain anyway."""
_SECRET_NAME: Final = re.compile(r"key|token|secret|pass|sig|auth|session|code", re.IGNORECASE)
_CREDENTIAL_FIELDS: Final = ("authorization", "payment-authorization")


class Exchanges:
    """By the id of the request's row; the oldest goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[RequestRow, Exchange]] = OrderedDict()

    def keep(self, row: RequestRow, exchange: Exchange) -> None:
        self._kept[row.id] = row, exchange
        while len(self._kept) > KEPT_EXCHANGES:
            self._kept.popitem(last=False)

    def get(self, request_id: str) -> RequestDetail | None:
        """One in full; None when it is not here any more."""
        kept = self._kept.get(request_id)
        return None if kept is None else _detail(*kept)


def _detail(row: RequestRow, exchange: Exchange) -> RequestDetail:
    legs = (("gate", exchange.gate_ms), ("handler", exchange.handler_ms), ("total", exchange.total_ms))
    return RequestDetail(
        row=row,
        kept=True,
        query=_query(exchange.query),
        request_headers=masked_headers(exchange.request_headers),
        request_body=_text(exchange.request_body),
        request_size=exchange.request_size,
        answer_headers=masked_headers(exchange.answer_headers),
        answer_body=_text(exchange.answer_body),
        answer_size=exchange.answer_size,
        challenges=_challenges(exchange.answer_headers),
        credential=_credential(exchange.request_headers),
        receipt=_receipt(exchange.answer_headers),
        problem=_problem(exchange),
        timings=tuple(LegTiming(leg=leg, milliseconds=took) for leg, took in legs if took is not None),
    )


def _values(headers: Iterable[tuple[str, str]], *names: str) -> list[str]:
    wanted = {name.lower() for name in names}
    return [value for name, value in headers if name.lower() in wanted]


def _challenges(headers: Iterable[tuple[str, str]]) -> tuple[Mapping[str, Any], ...]:
    found = parse_challenges(_values(headers, WWW_AUTHENTICATE), Findings())
    return tuple(
        inert_value({**challenge.to_echo(), "request": challenge.request, "opaque": challenge.opaque})
        for challenge in found
    )


def _credential(headers: Iterable[tuple[str, str]]) -> Mapping[str, Any] | None:
    for value in _values(headers, *_CREDENTIAL_FIELDS):
        credential: Credential | None = parse_credential(value, Findings())
        if credential is not None:
            challenge = credential.challenge
            shown = {
                "challenge": {**challenge.to_echo(), "request": challenge.request, "opaque": challenge.opaque},
                "source": credential.source,
                "payload": {name: _masked(name, part) for name, part in credential.payload.items()},
            }
            return dict(inert_value(shown))
    return None


def _masked(name: str, part: Any) -> Any:
    return part if name in _PUBLIC_PAYLOAD else MASK


def _receipt(headers: Iterable[tuple[str, str]]) -> Mapping[str, Any] | None:
    for value in _values(headers, PAYMENT_RECEIPT):
        receipt = parse_receipt(value, Findings())
        if receipt is not None:
            return dict(inert_value(receipt.to_dict()))
    return None


def _problem(exchange: Exchange) -> ProblemView | None:
    kinds = _values(exchange.answer_headers, "content-type")
    if not kinds or not kinds[0].lower().startswith(PROBLEM_JSON):
        return None
    problem = parse_problem(exchange.answer_body, Findings())
    return None if problem is None else problem_view(problem)


def _query(query: str) -> str:
    """The query for people: decoded, the values of names that sound secret masked."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if not pairs:
        return inert(hide_credentials(query), limit=500)
    return " & ".join(
        f"{inert(name, limit=100)}={MASK if _is_secret(name) else inert(hide_credentials(value), limit=300)}"
        for name, value in pairs
    )


def _is_secret(name: str) -> bool:
    return is_secret_header(name) or _SECRET_NAME.search(name) is not None


def _text(body: bytes) -> str:
    """A body as text. What is no text is named by its size only."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        # A body that was cut may end within a character.
        text = body[:-3].decode("utf-8", "ignore") if len(body) >= _BODY_LIMIT else ""
        if not text:
            return f"({len(body)} bytes that are no text)"
    return hide_credentials(inert(text, keep_newlines=True, limit=_BODY_LIMIT))
