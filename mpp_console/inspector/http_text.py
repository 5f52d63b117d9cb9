"""Pasted HTTP as an answer: a response head with or without its body, the output of `curl -i` or `curl -v`, a HAR file
or entry. Pure; reads forgivingly, because people paste what terminals and browsers show.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from mpp_console.inspector.evidence import Answer, Inquiry
from mpp_console.protocol import ParseError

__all__ = ["har_entries", "parse_fields", "parse_har_entry", "parse_response"]

_STATUS: Final = re.compile(r"HTTP/[0-9.]+[ \t]+([0-9]{3})(?:[ \t]+(.*))?", re.IGNORECASE)
_REQUEST: Final = re.compile(r"([A-Z]{3,10})[ \t]+(\S+)[ \t]+HTTP/[0-9.]+")
_FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)", re.DOTALL)
# What curl tells of its progress between the lines.
_COUNT: Final = re.compile(r"[{}] \[[0-9]+ bytes data\]|% Total .*|Dload .*|[0-9]+ .*--:--:--.*")
_TRACE: Final = re.compile(r"^< ?HTTP/[0-9.]+ ", re.MULTILINE)


def parse_response(text: str) -> tuple[Inquiry, Answer]:
    """The last response in the text (a redirect or `100 Continue` may come before it). Raises ParseError."""
    inquiry = Inquiry()
    if _TRACE.search(text):
        inquiry, text = _trace(text)
    lines = text.lstrip().split("\n")
    starts = [number for number, line in enumerate(lines) if _STATUS.match(line.strip())]
    if not starts:
        raise ParseError("the text has no status line such as HTTP/1.1 402 Payment Required", code="bad-response")
    start = starts[0]
    for later in starts[1:]:
        if lines[later - 1].strip() == "":
            start = later
    status = _STATUS.match(lines[start].strip())
    assert status is not None  # noqa: S101 - it is one of the starts
    head, body = _split(lines[start + 1 :])
    content = "\n".join(body).encode("utf-8", "surrogatepass")
    return inquiry, Answer(
        status=int(status[1]),
        reason=status[2] or "",
        fields=parse_fields(head),
        body=content,
        body_bytes=len(content),
        complete=bool(content),
    )


def parse_fields(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Header lines; one that starts with a space goes on with the last one."""
    fields: list[tuple[str, str]] = []
    for line in lines:
        bare = line.rstrip("\r")
        match = _FIELD.fullmatch(bare)
        if match is not None:
            fields.append((match[1], match[2].strip()))
        elif bare[:1] in (" ", "\t") and fields:
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {bare.strip()}")
    return tuple(fields)


def har_entries(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The entries of a HAR file, or the one entry that the value is; empty when it is neither."""
    log = value.get("log")
    entries = log.get("entries") if isinstance(log, Mapping) else [value]
    if not isinstance(entries, list):
        return []
    return [each for each in entries if isinstance(each, Mapping) and isinstance(each.get("request"), Mapping)]


def parse_har_entry(entry: Mapping[str, Any]) -> tuple[Inquiry, Answer | None]:
    """The request of an entry, and its answer when it has one."""
    request, response = entry["request"], entry.get("response")
    post = request.get("postData")
    body = _text(post.get("text")) if isinstance(post, Mapping) else ""
    inquiry = Inquiry(
        url=_text(request.get("url")),
        method=_text(request.get("method")).upper() or "GET",
        headers=tuple(_pairs(request.get("headers"))),
        body=body.encode("utf-8", "surrogatepass"),
    )
    if not isinstance(response, Mapping) or type(response.get("status")) is not int or not response["status"]:
        return inquiry, None
    content = _content(response.get("content"))
    spent = entry.get("time")
    answer = Answer(
        status=response["status"],
        reason=_text(response.get("statusText")),
        fields=tuple(_pairs(response.get("headers"))),
        body=content,
        body_bytes=len(content),
        complete=bool(content),
        milliseconds=float(spent) if isinstance(spent, int | float) else 0.0,
    )
    return inquiry, answer


def _trace(text: str) -> tuple[Inquiry, str]:
    """`curl -v`: lines that start with `>` were sent, with `<` received, with `*` are curl's own."""
    lines = text.lstrip().split("\n")
    sent = [line[1:].strip() for line in lines if line.startswith(">")]
    received = [
        line[1:].strip() if line.startswith("<") else line
        for line in lines
        if line[:1] not in ("*", ">") and not _COUNT.fullmatch(line.strip())
    ]
    fields = parse_fields(sent[1:])
    match = _REQUEST.fullmatch(sent[0]) if sent else None
    host = next((value for name, value in fields if name.lower() == "host"), "")
    if match is None or not host or not match[2].startswith("/"):
        return Inquiry(), "\n".join(received)
    scheme = "https" if any("TLS" in line or "SSL" in line for line in lines if line.startswith("*")) else "http"
    inquiry = Inquiry(url=f"{scheme}://{host}{match[2]}", method=match[1], headers=fields)
    return inquiry, "\n".join(received)


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    for number, line in enumerate(lines):
        if not line.strip():
            return lines[:number], lines[number + 1 :]
    return lines, []


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("name"), str):
            # Browsers join lines of one name by line breaks.
            for line in _text(each.get("value")).split("\n"):
                yield each["name"], line.strip()


def _content(value: object) -> bytes:
    if not isinstance(value, Mapping):
        return b""
    text = _text(value.get("text"))
    if value.get("encoding") != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return binascii.a2b_base64(text.encode("utf-8", "surrogatepass"))
    except binascii.Error:
        return b""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
