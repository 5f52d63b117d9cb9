"""Every rule against a bad server of its own, over a real socket, and none of them against a good one."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.inspector.evidence import Answer, ChainFacts, Evidence, Inquiry
from mpp_console.inspector.findings import RULES, judge
from mpp_console.inspector.probe import probe
from mpp_console.inspector.report import InspectReport
from mpp_console.protocol import (
    FindingLevel,
    Secret,
    compute_challenge_id,
    encode_object,
)
from tests.inspector.bad_servers import (
    BAD,
    CLEAN,
    DISCOVER,
    FAIL,
    GOOD,
    INFO,
    NO_STORE,
    NOW,
    PAID,
    PRICE,
    PROBLEM,
    REQUEST,
    SECRET,
    SELLER,
    TOKEN,
    WARN,
    Bad,
    document,
    line,
    problem,
)
from tests.inspector.raw_server import serve


async def inspect(url: str, case: Bad) -> InspectReport:
    async def facts(pairs: Mapping[int, set[tuple[str, str]]]) -> ChainFacts:
        return case.facts

    async with httpx.AsyncClient(trust_env=False) as http:
        return await probe(
            url,
            http=http,
            payers=(),
            clock=lambda: NOW,
            counter=itertools.count().__next__,
            method="POST" if case.body else "GET",
            headers=case.headers,
            body=case.body,
            wishes=case.wishes,
            ask_chain=facts,
        )


def noteworthy(report: InspectReport) -> set[tuple[str, FindingLevel]]:
    return {(finding.id, finding.level) for finding in report.findings if finding.level is not FindingLevel.PASS}


@pytest.mark.parametrize("case", BAD, ids=lambda case: f"{case.id}-{case.level.value}")
async def test_every_rule_has_a_server_that_breaks_it(case: Bad) -> None:
    async with serve(*case.answers) as url:
        report = await inspect(url, case)
    found = [finding for finding in report.findings if finding.id == case.id and finding.level is case.level]
    assert found, noteworthy(report)
    assert any(case.says in finding.text for finding in found), [finding.text for finding in found]


@pytest.mark.parametrize(
    "paths",
    [
        {"/paid": {"get": PAID}},
        {"/paid": {"get": {**PAID, "x-payment-info": {"offers": [{**PRICE, "amount": None}]}}}},
        {"/{anything}": {"get": {"responses": {}}}, "/paid": {"get": PAID}},
    ],
    ids=["fixed", "dynamic", "beside a template"],
)
async def test_a_good_discovery_document_gets_nothing_but_the_notes_on_loopback(paths: object) -> None:
    async with serve(CLEAN, document(paths=paths)) as url:
        report = await inspect(url, Bad("good", INFO, (), wishes=DISCOVER))
    assert noteworthy(report) == {("clear-text", INFO), ("discovery-clear-text", INFO)}
    assert [leg.name for leg in report.legs] == ["request", "discovery"]


async def test_the_document_itself_is_judged_where_it_is_what_was_requested() -> None:
    async with serve(document(paths={})) as url:
        report = await inspect(url.replace("/paid", "/openapi.json"), Bad("asked", INFO, ()))
    assert noteworthy(report) == {("discovery-openapi", FAIL), ("discovery-clear-text", INFO)}


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.id)
async def test_a_good_server_gets_nothing_but_the_note_on_loopback(case: Bad) -> None:
    async with serve(*case.answers) as url:
        report = await inspect(url, case)
    assert noteworthy(report) == {("clear-text", INFO)}


def test_every_rule_is_in_the_table_and_well_formed() -> None:
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids)
    assert set(ids) - {case.id for case in BAD} == {"clear-text"}
    assert all(rule.fix and rule.spec for rule in RULES if rule.level in (FAIL, WARN))


EVIDENCE = Evidence(
    inquiry=Inquiry(url="https://127.0.0.1/paid"),
    answer=Answer(
        status=402,
        fields=(("WWW-Authenticate", line()), NO_STORE, PROBLEM),
        body=problem(),
    ),
    now=NOW,
)


def levels(evidence: Evidence) -> dict[str, FindingLevel]:
    return {finding.id: finding.level for finding in judge(evidence) if finding.level is not FindingLevel.PASS}


def test_clear_text_is_wrong_away_from_this_machine_only() -> None:
    assert levels(EVIDENCE) == {}
    far = replace(EVIDENCE, inquiry=Inquiry(url="http://api.example/paid"))
    assert levels(far)["clear-text"] is FAIL
    near = replace(EVIDENCE, inquiry=Inquiry(url="http://127.0.0.1:1/paid"))
    assert levels(near) == {"clear-text": INFO}


def test_an_id_that_is_bound_by_the_secret_passes() -> None:
    expires, request = "2026-05-01T12:05:00Z", encode_object(REQUEST)
    name = compute_challenge_id(
        SECRET, realm="127.0.0.1", method="tempo", intent="charge", request_b64=request, expires=expires
    )
    answer = replace(EVIDENCE.answer, fields=(("WWW-Authenticate", line(id=name)), NO_STORE, PROBLEM))
    passed = judge(replace(EVIDENCE, answer=answer, secret=Secret(SECRET)))
    assert ("id-binding", FindingLevel.PASS) in {(finding.id, finding.level) for finding in passed}


def test_a_realm_may_be_a_parent_domain_or_name_the_port() -> None:
    for realm in ("api.example", "example.com", "www.api.example.com", "www.api.example.com:443"):
        fields = (("WWW-Authenticate", line(realm=realm)), NO_STORE, PROBLEM)
        inquiry = Inquiry(url="https://www.api.example.com/x")
        found = levels(replace(EVIDENCE, inquiry=inquiry, answer=replace(EVIDENCE.answer, fields=fields)))
        assert ("realm-not-host" in found) == (realm == "api.example")


def test_a_pasted_answer_is_not_judged_by_the_clock() -> None:
    fields = (("WWW-Authenticate", line(expires="2020-01-01T00:00:00Z")), NO_STORE, PROBLEM)
    old = replace(EVIDENCE, live=False, answer=replace(EVIDENCE.answer, fields=fields))
    assert levels(old) == {"expired-challenge": INFO}


names = st.sampled_from(["Date", "Retry-After", "Content-Type", "Payment-Receipt", "Cache-Control"])
header_text = st.text(st.characters(max_codepoint=255), max_size=300)
pieces = st.lists(
    st.sampled_from(["Payment ", 'id="a"', "id=", '"', ",", " ", "request=", encode_object(REQUEST), 'method="tempo"',
                     'intent="charge"', 'realm="r"', "\\", "=", "{", "\x00", 'expires="2026-05-01T12:05:00Z"', line()]),
    max_size=14,
).map("".join)  # fmt: skip
json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
members = st.sampled_from(["amount", "currency", "recipient", "methodDetails", "splits", "memo", "chainId", "feePayer",
                           "supportedModes", "description", "externalId"])  # fmt: skip
requests = st.dictionaries(
    members, json_value | st.dictionaries(members, json_value) | st.just(TOKEN) | st.just("10000"), max_size=8
)


@given(
    lines=st.lists(header_text | pieces | requests.map(line), max_size=3),
    status=st.integers(100, 599),
    body=st.binary(max_size=200),
    other=st.lists(st.tuples(names, header_text)),
    url=st.text(max_size=30) | st.sampled_from(["https://127.0.0.1/x", "http://[::1", ""]),
)
def test_nothing_that_a_server_sends_stops_the_judge(
    lines: list[str], status: int, body: bytes, other: list[tuple[str, str]], url: str
) -> None:
    answer = Answer(status=status, fields=(*(("WWW-Authenticate", each) for each in lines), *other), body=body)
    evidence = Evidence(
        inquiry=Inquiry(url=url, body=body),
        answer=answer,
        now=NOW,
        again=answer,
        malformed=answer,
        secret=Secret(SECRET),
        facts=ChainFacts(chain_id=42431, payer=SELLER, initialised={(TOKEN.lower(), SELLER.lower()): False}),
    )
    for finding in judge(evidence):
        assert finding.text
        assert finding.text.isprintable()
        if finding.position is not None and finding.line is not None:
            assert 0 <= finding.position <= len(lines[finding.line - 1])
