"""A pasted `curl` command line as the request that it makes. Reads text only: no file that it names is opened."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote_plus

from mpp_console.inspector.evidence import Inquiry
from mpp_console.protocol import ParseError

__all__ = ["CurlCommand", "is_curl", "parse_curl"]

CURL_LIMIT: Final = 256 * 1024
"""Splitting into words is slow; a command that is longer carries a body that belongs into a file."""
_START: Final = re.compile(r"\s*(?:[$%>]\s+)?curl(?:\.exe)?\s", re.IGNORECASE)
_DATA: Final = frozenset({"--data", "--data-ascii", "--data-binary", "--data-raw", "--data-urlencode", "--json"})
_LONG: Final = {"-X": "--request", "-H": "--header", "-d": "--data", "-A": "--user-agent", "-e": "--referer",
                "-b": "--cookie", "-u": "--user", "-I": "--head", "-G": "--get", "-L": "--location"}  # fmt: skip
_SWITCHES: Final = frozenset({"--head", "--get", "--location"})
_READ: Final = _DATA | {"--request", "--header", "--user-agent", "--referer", "--cookie", "--user", "--url"}
# Letters of options that take a value and say nothing about the request itself.
_OTHER_WITH_VALUE: Final = frozenset(f"-{letter}" for letter in "owmxTFcEKCrtyYzDQPU")
_OTHER_LONG_WITH_VALUE: Final = re.compile(
    r"--(?:output|write-out|max-time|connect-timeout|proxy|upload-file|form|cookie-jar|cert|key|cacert|config|range|"
    r"retry|retry-delay|resolve|connect-to|interface|limit-rate|max-redirs|dump-header|proxy-user|unix-socket|"
    r"ciphers|tls-max|trace|trace-ascii|stderr|aws-sigv4|oauth2-bearer)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurlCommand:
    """The request, whether redirects are followed, and what of the command could not be taken over."""

    inquiry: Inquiry
    follow_redirects: bool = False
    left_out: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    url: str = ""
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    switches: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    is_json: bool = False


def is_curl(text: str) -> bool:
    return _START.match(text) is not None


def parse_curl(text: str) -> CurlCommand:
    """Raises ParseError for a command that is cut short or names no URL."""
    if len(text) > CURL_LIMIT:
        raise ParseError(f"the curl command has {len(text)} characters; at most {CURL_LIMIT} are read", code="bad-curl")
    joined = re.sub(r"[\\^]\r?\n", " ", text)
    try:
        words = shlex.split(joined[joined.lower().index("curl") :], posix=True)[1:]
    except ValueError as error:
        raise ParseError("the curl command has a quote that is never closed", code="bad-curl") from error
    draft = _Draft()
    for name, value in _options(words):
        _take(draft, name, value)
    if not draft.url:
        raise ParseError("the curl command names no URL", code="bad-curl")
    return CurlCommand(
        inquiry=_inquiry(draft), follow_redirects="--location" in draft.switches, left_out=tuple(draft.left_out)
    )


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Every option with its value, by its long name; a plain word is a `--url`."""
    left = iter(words)
    for word in left:
        if not word.startswith("-") or word == "-":
            yield "--url", word
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            takes = name in _READ or _OTHER_LONG_WITH_VALUE.fullmatch(name) is not None
            yield name, value if equals or not takes else next(left, "")
        else:
            yield from _letters(word, left)


def _letters(word: str, left: Iterator[str]) -> Iterator[tuple[str, str]]:
    """`-sXPOST`: letters without a value, and a last one with it."""
    for index, letter in enumerate(word[1:], 1):
        name = _LONG.get(f"-{letter}", f"-{letter}")
        if name in _READ or name in _OTHER_WITH_VALUE:
            yield name, word[index + 1 :] or next(left, "")
            return
        yield name, ""


def _take(draft: _Draft, name: str, value: str) -> None:
    match name:
        case "--url":
            draft.url = draft.url or value
        case "--request":
            draft.method = value.upper()
        case "--header":
            field_name, colon, content = value.partition(":")
            if colon and content.strip():
                draft.headers.append((field_name.strip(), content.strip()))
        case "--user-agent" | "--referer" | "--cookie":
            draft.headers.append((name[2:].title(), value))
        case "--user":
            draft.headers.append(("Authorization", f"Basic {base64.b64encode(value.encode()).decode()}"))
        case _ if name in _DATA:
            _take_data(draft, name, value)
        case _ if name in _SWITCHES:
            draft.switches.add(name)
        case "--form" | "-F" | "--upload-file" | "-T" | "--config" | "-K":
            draft.left_out.append(name)


def _take_data(draft: _Draft, name: str, value: str) -> None:
    if value.startswith("@") and name != "--data-raw":
        draft.left_out.append(f"{name} {value}")
        return
    draft.is_json = draft.is_json or name == "--json"
    if name == "--data-urlencode":
        key, equals, content = value.partition("=")
        value = f"{key}={quote_plus(content)}" if equals and key else quote_plus(content or key)
    draft.data.append(value)


def _inquiry(draft: _Draft) -> Inquiry:
    url, body = draft.url if "://" in draft.url else f"http://{draft.url}", "&".join(draft.data)
    headers = list(draft.headers)
    if "--get" in draft.switches and body:
        url, body = f"{url}{'&' if '?' in url else '?'}{body}", ""
    if body and not any(name.lower() == "content-type" for name, _ in headers):
        form = "application/json" if draft.is_json else "application/x-www-form-urlencoded"
        headers.append(("Content-Type", form))
    method = draft.method or ("HEAD" if "--head" in draft.switches else "POST" if body else "GET")
    return Inquiry(url=url, method=method, headers=tuple(headers), body=body.encode("utf-8", "surrogatepass"))
