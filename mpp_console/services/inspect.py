"""Inspection of a URL for the front ends: unpaid requests, every offer decoded and judged, no key and no payment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mpp_console.inspector import (
    InspectFinding,
    InspectLeg,
    InspectOffer,
    InspectReport,
    LegPhase,
    UnreadableOffer,
)
from mpp_console.inspector.decode import Decoded, DecodedKind, decode
from mpp_console.inspector.findings import gravest_first, judge_case
from mpp_console.inspector.markdown import markdown
from mpp_console.protocol import FindingLevel, MppError, Secret
from mpp_console.services.errors import RequestFailed
from mpp_console.services.models import PayRequest
from mpp_console.services.no_answer import request_error
from mpp_console.services.once import load
from mpp_console.services.requests import checked_request

if TYPE_CHECKING:
    from datetime import datetime

    from mpp_console.inspector.evidence import ChainFacts
    from mpp_console.inspector.reading import Case
    from mpp_console.services.engine import Engine

__all__ = [
    "BINDING_RULE",
    "Decoded",
    "DecodedKind",
    "Decoding",
    "InspectFinding",
    "InspectLeg",
    "InspectOffer",
    "InspectReport",
    "Inspection",
    "LegPhase",
    "UnreadableOffer",
    "decode",
    "decode_text",
    "inspect_url",
    "markdown",
    "recognise",
]

CHAIN_PATIENCE = 5.0
BINDING_RULE = "id-binding"
"""The rule that checks challenge ids with the server's own secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What an inspection does beyond one unpaid request.

    `twice` makes the request again and compares; `probe_malformed` makes one with a credential that nobody can read;
    `discovery` reads the origin's `/openapi.json` and compares it with the challenge;
    `secret` is the server's own challenge secret, to check the ids with.
    """

    twice: bool = False
    probe_malformed: bool = False
    discovery: bool = False
    secret: Secret[bytes] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """A pasted text and what it is. `report` is there when it holds an answer or challenges."""

    decoded: Decoded
    report: InspectReport | None = None

    @property
    def worst(self) -> FindingLevel:
        return self.decoded.worst

    def to_dict(self) -> dict[str, Any]:
        """JSON form, stable."""
        return {**self.decoded.to_dict(), "report": None if self.report is None else self.report.to_dict()}


async def recognise(text: str, now: datetime) -> Decoded:
    """What a text is, for somebody who is still typing it: read beside the loop, since a HAR takes its time."""
    return await asyncio.to_thread(decode, text, now)


async def decode_text(
    engine: Engine, text: str, account_name: str | None = None, secret: Secret[bytes] | None = None
) -> Decoding:
    """Reads a pasted text, and quotes the offers in it. Makes no request to anybody but the profile's own chain, for
    the quotes. `secret` is the server's own challenge secret, to check the ids with."""
    decoded = await recognise(text, engine.clock())
    if decoded.case is None:
        return Decoding(decoded=decoded)
    if secret is not None:
        decoded = await asyncio.to_thread(_with_secret, decoded, decoded.case, secret)
    await load("mpp_console.inspector.probe", "mpp_console.methods.tempo.payer")
    from mpp_console.inspector.probe import report_on

    case = decoded.case
    assert case is not None  # noqa: S101 - it was there above
    payers = await engine.quoting_payers(account_name) if case.offers else ()
    report = await report_on(case, payers, decoded.rules)
    return Decoding(decoded=decoded, report=replace(report, findings=decoded.findings))


def _with_secret(decoded: Decoded, case: Case, secret: Secret[bytes]) -> Decoded:
    case = replace(case, evidence=replace(case.evidence, secret=secret))
    rules = tuple(rule for rule in decoded.rules if rule.id == BINDING_RULE)
    found = (finding for finding in judge_case(case, rules) if finding.id == BINDING_RULE)
    return replace(decoded, case=case, findings=gravest_first((*decoded.findings, *found)))


async def inspect_url(engine: Engine, request: PayRequest, inspection: Inspection = Inspection()) -> InspectReport:
    """Requests the URL and judges the answer. Raises UsageError for what cannot be requested, RequestFailed when no
    answer came."""
    request = checked_request(request)
    await load("mpp_console.inspector.probe", "mpp_console.methods.tempo.payer")
    import httpx

    from mpp_console.inspector.probe import Wishes, probe

    http = await engine.http.get()
    payers = await engine.quoting_payers(request.account)

    async def ask_chain(pairs: Mapping[int, set[tuple[str, str]]]) -> ChainFacts:
        return await _chain_facts(engine, request.account, pairs)

    try:
        return await probe(
            request.url,
            http=http,
            payers=payers,
            clock=engine.clock,
            counter=engine.counter,
            method=request.method,
            headers=request.headers,
            body=request.body,
            wishes=Wishes(
                twice=inspection.twice,
                malformed=inspection.probe_malformed,
                discovery=inspection.discovery,
                secret=inspection.secret,
                follow_redirects=request.follow_redirects,
                patience=request.timeout,
            ),
            ask_chain=ask_chain,
        )
    except TimeoutError:
        raise RequestFailed(
            "the answer did not end in time", code="timeout", hint="allow more with --timeout"
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise request_error(error, request.url) from error


async def _chain_facts(
    engine: Engine, account_name: str | None, pairs: Mapping[int, set[tuple[str, str]]]
) -> ChainFacts:
    """What the profile's own chain and account say. Trouble with the chain is no reason not to report."""
    from mpp_console.inspector.chain_facts import ask_chain
    from mpp_console.inspector.evidence import ChainFacts

    chain_id = engine.network.chain_id
    account = await engine.account(account_name)
    payer = None if account is None else account.address
    try:
        async with asyncio.timeout(CHAIN_PATIENCE):
            chain = await engine.chain.get()
            return await ask_chain(chain, chain_id=chain_id, payer=payer, pairs=pairs.get(chain_id, ()))
    except (TimeoutError, MppError):
        return ChainFacts(chain_id=chain_id, payer=payer)
