"""The Markdown report: complete, and closed to what servers write."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.inspector.evidence import Answer, Evidence, Inquiry
from mpp_console.inspector.markdown import markdown
from mpp_console.inspector.probe import report_on
from mpp_console.inspector.reading import read_case
from mpp_console.inspector.report import InspectReport
from mpp_console.inspector.rule import InspectFinding
from mpp_console.protocol import FindingLevel
from tests.inspector.bad_servers import NOW, line, problem


async def make() -> InspectReport:
    answer = Answer(
        status=402,
        reason="Payment Required",
        fields=(("WWW-Authenticate", line()), ("WWW-Authenticate", 'Payment id="a'), ("X-Evil", "```\n# big")),
        body=problem(),
    )
    inquiry = Inquiry(url="https://api.example/x")
    return await report_on(read_case(Evidence(inquiry=inquiry, answer=answer, now=NOW)), ())


def outside_code(text: str) -> str:
    """What a reader of CommonMark takes for markup: fenced blocks and code spans taken out."""
    kept, fence = [], ""
    for each in text.split("\n"):
        if fence:
            fence = "" if re.fullmatch(rf"{fence}`*\s*", each.strip()) else fence
            continue
        opened = re.match(r"(`{3,})", each)
        if opened:
            fence = opened[1]
            continue
        kept.append(re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", each))
    assert not fence
    return "\n".join(kept)


async def test_it_holds_everything() -> None:
    text = markdown(await make())
    for part in (
        "# Payment inspection",
        "## ✗ Fail",
        "**cacheable-challenge**",
        "## Offer 1",
        "## Offer 2, which cannot",
        "nothing was spent",
        "core §Caching",
        "GET https://api.example/x",
        "## Body",
    ):
        assert part in text


@pytest.fixture(scope="module")
def plain() -> InspectReport:
    import asyncio

    return asyncio.run(make())


@given(
    hostile=st.text(max_size=80)
    | st.lists(st.sampled_from(["`", "``", "```", "\n", "#", "<b>", "~~~", " "])).map("".join)
)
def test_nothing_gets_out_of_its_code(plain: InspectReport, hostile: str) -> None:
    marked = f"{hostile}INTRUDER{hostile}"
    finding = InspectFinding(id="x", level=FindingLevel.FAIL, text=marked)
    report = replace(plain, body=marked, url=marked, reason=marked, headers=(("X", marked),), findings=(finding,))
    assert "INTRUDER" not in outside_code(markdown(report))
