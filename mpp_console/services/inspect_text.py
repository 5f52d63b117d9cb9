"""What an inspection is as text: the command that does the same, curl, Markdown, JSON, and a file of it.

Secrets stay out: users and passwords of URLs, values of headers that carry secrets, and the server's own secret.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mpp_console.inspector.markdown import decoded_markdown, markdown
from mpp_console.inspector.report import InspectReport
from mpp_console.protocol import inert
from mpp_console.services.commands import command_line, request_words
from mpp_console.services.errors import UsageError
from mpp_console.services.models import PayRequest

if TYPE_CHECKING:
    from mpp_console.services.inspect import Decoding, Inspection

__all__ = ["as_json", "as_markdown", "curl_command", "inspect_command", "report_name", "save_report"]

JSON_ENDING: Final = ".json"
_MARKDOWN_ENDINGS: Final = (".md", ".markdown")


def inspect_command(profile: str, request: PayRequest, inspection: Inspection) -> str:
    """The `inspect` command of a request."""
    words = ["inspect", *request_words(request)]
    for option, wish in (
        ("--twice", inspection.twice),
        ("--probe-malformed", inspection.probe_malformed),
        ("--discovery", inspection.discovery),
    ):
        if wish:
            words.append(option)
    if inspection.secret is not None:
        words += ["--secret-env", "SECRET"]
    return command_line(profile, *words)


def curl_command(request: PayRequest) -> str:
    """The same unpaid request by curl, its answer with the header section."""
    return inert(shlex.join(["curl", "-i", *request_words(request)]))


def as_markdown(shown: InspectReport | Decoding) -> str:
    if isinstance(shown, InspectReport):
        return markdown(shown)
    return markdown(shown.report) if shown.report is not None else decoded_markdown(shown.decoded)


def as_json(shown: InspectReport | Decoding) -> str:
    """The JSON form that the command line prints."""
    return json.dumps(shown.to_dict(), indent=2, ensure_ascii=True) + "\n"


def report_name(report: InspectReport | Decoding) -> str:
    """A file name for a report, without its ending."""
    from urllib.parse import urlsplit

    url = report.url if isinstance(report, InspectReport) else ""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    plain = "".join(each if each.isascii() and (each.isalnum() or each in ".-") else "-" for each in host).strip(".-")
    return f"inspect-{plain[:60] or 'pasted'}"


async def save_report(shown: InspectReport | Decoding, where: str) -> Path:
    """Writes the report, as Markdown or JSON by the ending of the name, readable by its owner only, and gives the path.

    Raises UsageError for another ending, FileExists when something is there already (it is never replaced),
    FileTrouble when it cannot be written.
    """
    path = _target(where.strip())
    content = as_json(shown) if path.suffix.lower() == JSON_ENDING else as_markdown(shown)

    def write() -> None:
        from mpp_console.wallet.files import write_private

        write_private(path, content.encode("utf-8", "replace"), replace=False)

    await asyncio.to_thread(write)
    return path


def _target(text: str) -> Path:
    if not text or "\0" in text:
        raise UsageError("type the name of a file", hint="report.md or report.json")
    path = Path(text).expanduser().absolute()
    if path.suffix.lower() not in (JSON_ENDING, *_MARKDOWN_ENDINGS):
        raise UsageError("a report is Markdown or JSON", hint="end the name in .md or .json")
    return path
