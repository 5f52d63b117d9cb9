"""What people type or paste where a URL is asked for, taken apart: a URL, a curl command, or our own `pay` command.

Reads text only: no file that a command names is opened. What could not be taken over is told, never guessed.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace

from mpp_console.inspector.curl import is_curl, parse_curl
from mpp_console.protocol import ParseError, inert
from mpp_console.services.errors import UsageError
from mpp_console.services.models import PayRequest
from mpp_console.services.requests import full_url

__all__ = ["PastedRequest", "is_command", "parse_request", "take_apart"]

_OWN = re.compile(r"\s*(?:[$%>]\s+)?mpp-console\s")
_OWN_OPTIONS = {"--max-amount": "max_amount", "--offer": "offer"}
_OF_FILES = {
    "-F": "the form of -F",
    "--form": "the form of --form",
    "-T": "the file of -T",
    "--upload-file": "the file of --upload-file",
    "-K": "the options of -K",
    "--config": "the options of --config",
}
_MASKED = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastedRequest:
    """The request, and what of the text it leaves out, in words for a person."""

    request: PayRequest
    left_out: tuple[str, ...] = ()


def is_command(text: str) -> bool:
    """Whether the text is a command line, as opposed to a URL."""
    return is_curl(text) or _OWN.match(text) is not None


def parse_request(text: str) -> PayRequest:
    """The request of a URL, a curl command or a `mpp-console pay` command. Raises UsageError for anything else."""
    return take_apart(text).request


def take_apart(text: str) -> PastedRequest:
    """Like `parse_request`, with what could not be taken over: files, forms, values that were masked."""
    if not is_command(text):
        return PastedRequest(request=PayRequest(url=full_url(text)))
    wishes: dict[str, str] = {}
    try:
        command = parse_curl(text if is_curl(text) else _as_curl(text, wishes))
    except ParseError as error:
        raise UsageError(error.message, hint="paste the whole command, or only its URL") from error
    inquiry = command.inquiry
    masked = [name for name, value in inquiry.headers if value.endswith(_MASKED)]
    headers = tuple((name, value) for name, value in inquiry.headers if name not in masked)
    left_out = [inert(_OF_FILES.get(item, item), limit=80) for item in command.left_out]
    left_out += [f"the value of {inert(name, limit=40)}, which was masked" for name in masked]
    request = PayRequest(
        url=full_url(inquiry.url),
        method=inquiry.method,
        headers=headers,
        body=inquiry.body,
        follow_redirects=command.follow_redirects,
    )
    if amount := wishes.get("max_amount"):
        request = replace(request, max_amount=amount)
    if offer := wishes.get("offer"):
        request = replace(request, offer=offer)
    return PastedRequest(request=request, left_out=tuple(left_out))


def _as_curl(text: str, wishes: dict[str, str]) -> str:
    """Our own `pay` has curl's letters; what it has beyond them goes to `wishes`."""
    try:
        words = shlex.split(re.sub(r"\\\r?\n", " ", text))
    except ValueError as error:
        raise UsageError("the command has a quote that is never closed") from error
    if "pay" not in words:
        raise UsageError("only the command pay makes a request", hint="paste a URL, or a curl command")
    kept, left = ["curl"], iter(words[words.index("pay") + 1 :])
    for word in left:
        name, equals, value = word.partition("=")
        if name in _OWN_OPTIONS:
            wishes[_OWN_OPTIONS[name]] = value if equals else next(left, "")
        elif name not in {"--dry-run", "--yes", "-y", "-i", "-v", "--include", "--verbose", "--json"}:
            kept.append(word)
    return shlex.join(kept)
