"""Request options with curl's letters, shared by `pay` and `inspect`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["RequestOptions", "request_options"]

F = TypeVar("F", bound=Callable[..., Any])
_BODY_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """What to request, in its final form."""

    url: str
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    follow_redirects: bool
    timeout: float


def request_options(command: F) -> F:
    """Adds URL and curl's letters; the command gets one `RequestOptions` as `request`."""
    import functools

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> Any:
        request = _build(
            url=options.pop("url"),
            method=options.pop("method"),
            header=options.pop("header"),
            data=options.pop("data"),
            location=options.pop("location"),
            timeout=options.pop("timeout"),
        )
        return command(*args, request=request, **options)

    for decorate in (
        click.option("--timeout", type=click.FloatRange(0, 3600, min_open=True), default=30.0, show_default=True,
                     help="Seconds to wait for the head of the answer, and for each pause in its body."),
        click.option("-L", "--location", is_flag=True, help="Follow redirects (a payment never follows one)."),
        click.option("-d", "--data", multiple=True, metavar="DATA",
                     help="Request body; @FILE reads a file, @- stdin. Implies POST. Several are joined with &."),
        click.option("-H", "--header", multiple=True, metavar="'NAME: VALUE'", help="Add a header field."),
        click.option("-X", "--request", "method", metavar="METHOD", help="HTTP method."),
        click.argument("url"),
    ):  # fmt: skip
        wrapped = decorate(wrapped)
    return wrapped  # type: ignore[return-value]


def _build(
    *, url: str, method: str | None, header: tuple[str, ...], data: tuple[str, ...], location: bool, timeout: float
) -> RequestOptions:
    headers = [_header(line) for line in header]
    body = b"&".join(_data(item) for item in data)
    if data and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json" if _is_json(body) else "application/x-www-form-urlencoded"))
    return RequestOptions(
        url=url,
        method=method or ("POST" if data else "GET"),
        headers=tuple(headers),
        body=body,
        follow_redirects=location,
        timeout=timeout,
    )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{line!r} is not 'Name: value'", param_hint="-H")
    if any(character in line for character in "\r\n\0"):
        raise click.BadParameter("a header field holds no line breaks", param_hint="-H")
    return name.strip(), value.strip()


def _data(item: str) -> bytes:
    if not item.startswith("@"):
        return item.encode("utf-8", "surrogateescape")  # the bytes that were typed
    try:
        if item == "@-":
            content = sys.stdin.buffer.read(_BODY_LIMIT + 1)
        else:
            with Path(item[1:]).open("rb") as file:
                content = file.read(_BODY_LIMIT + 1)
    except OSError as error:
        raise click.BadParameter(f"{item[1:]}: {error.strerror or error}", param_hint="-d") from error
    if len(content) > _BODY_LIMIT:
        raise click.BadParameter(f"more than {_BODY_LIMIT} bytes", param_hint="-d")
    return content


def _is_json(body: bytes) -> bool:
    if not body.lstrip().startswith((b"{", b"[")):
        return False
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
