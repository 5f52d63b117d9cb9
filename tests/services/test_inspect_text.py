"""Reports as text: commands that do the same without secrets, files that are nobody else's and replace nothing."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from mpp_console.protocol import MppError, Secret
from mpp_console.services import Console
from mpp_console.services.inspect import Decoding, Inspection
from mpp_console.services.inspect_text import (
    as_markdown,
    curl_command,
    inspect_command,
    report_name,
    save_report,
)
from mpp_console.services.models import PayRequest

CHALLENGE = (
    'Payment id="a", realm="api.example", method="tempo", intent="charge", '
    'request="eyJhbW91bnQiOiIxIiwiY3VycmVuY3kiOiIweDIwYzAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAiLCJyZWNpcGll'
    'bnQiOiIweDc0MmQzNUNjNjYzNEMwNTMyOTI1YTNiODQ0QmM5ZTc1OTVmOGZFMDAifQ"'
)
RECEIPT = json.dumps({"status": "success", "method": "tempo", "timestamp": "2026-05-01T12:00:00Z", "reference": "0xab"})


def test_the_command_that_does_the_same_holds_no_secret() -> None:
    request = PayRequest(
        url="https://me:pa55@api.example/x", method="POST", headers=(("Authorization", "Bearer s3cret"),), body=b"{}"
    )
    inspection = Inspection(twice=True, probe_malformed=True, secret=Secret(b"s3cret"))
    command = inspect_command("moderato", request, inspection)
    assert command == (
        "mpp-console --profile moderato inspect https://api.example/x -H 'Authorization: …' -d '{}' "
        "--twice --probe-malformed --secret-env SECRET"
    )
    assert curl_command(request) == "curl -i https://api.example/x -H 'Authorization: …' -d '{}'"


async def decoded(console: Console, text: str) -> Decoding:
    return await console.decode(text)


async def test_a_report_is_saved_for_its_owner_only_and_replaces_nothing(console: Console, tmp_path: Path) -> None:
    shown = await decoded(console, CHALLENGE)
    assert shown.report is not None
    path = await save_report(shown.report, str(tmp_path / "report.md"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("# Payment inspection")
    with pytest.raises(MppError, match="exists already"):
        await save_report(shown.report, str(path))
    assert path.read_text().startswith("# Payment inspection")
    saved = await save_report(shown, f" {tmp_path / 'report.json'} ")
    assert json.loads(saved.read_text())["kind"] == "challenge"


async def test_what_holds_no_answer_is_saved_too(console: Console, tmp_path: Path) -> None:
    shown = await decoded(console, RECEIPT)
    assert shown.report is None
    path = await save_report(shown, str(tmp_path / "receipt.markdown"))
    assert "a receipt of tempo: 0xab" in path.read_text()
    assert as_markdown(shown).count("0xab") == 2


@pytest.mark.parametrize("name", ["", "report.txt", "report", "re\0port.md"])
async def test_other_names_are_refused(console: Console, tmp_path: Path, name: str) -> None:
    with pytest.raises(MppError):
        await save_report(await decoded(console, RECEIPT), str(tmp_path / name) if name else name)
    assert not list(tmp_path.glob("report*"))


async def test_the_name_of_a_report_is_a_plain_one(console: Console) -> None:
    assert report_name(await decoded(console, RECEIPT)) == "inspect-pasted"
    shown = await decoded(console, "HTTP/1.1 402 Payment Required\n\n")
    assert shown.report is not None
    assert report_name(shown.report) == "inspect-pasted"


@pytest.mark.parametrize(("secret", "level"), [(b"x" * 32, "fail"), (None, None)])
async def test_the_secret_checks_pasted_challenges(console: Console, secret: bytes | None, level: str | None) -> None:
    shown = await console.decode(CHALLENGE, secret=None if secret is None else Secret(secret))
    assert shown.report is not None
    found = [finding.level.value for finding in shown.report.findings if finding.id == "id-binding"]
    assert found == ([] if level is None else [level])
    assert shown.report.findings == shown.decoded.findings


async def test_an_inspection_is_logged_as_its_whole_command(console: Console) -> None:
    from mpp_console.services.events import CommandLogged

    heard: list[str] = []
    console.events.subscribe(lambda event: heard.append(event.command) if isinstance(event, CommandLogged) else None)
    with pytest.raises(MppError):
        await console.inspect("http://127.0.0.1:1/x", method="PUT", inspection=Inspection(twice=True))
    assert "mpp-console inspect http://127.0.0.1:1/x -X PUT --twice" in heard


HAR = {
    "request": {"method": "GET", "url": "https://me:pa55@api.example/x", "headers": []},
    "response": {"status": 402, "headers": [{"name": "Location", "value": "https://me:pa55@api.example/y"}]},
}


@pytest.mark.parametrize(
    "text", ["https://me:pa55@api.example/x", "curl -L https://me:pa55@api.example/x", json.dumps(HAR)]
)
async def test_a_password_in_what_was_pasted_is_not_told(console: Console, text: str) -> None:
    shown = await decoded(console, text)
    assert "pa55" not in json.dumps(shown.to_dict())
    assert "pa55" not in as_markdown(shown)
    inquiry = shown.decoded.inquiry
    assert inquiry is None or "pa55" in inquiry.url  # the request itself is made with it
