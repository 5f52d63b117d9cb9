"""`inspect`: unpaid requests, every offer decoded, every finding told."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mpp_console.cli.context import App, pass_app
from mpp_console.cli.inspect_text import print_decoded, print_report
from mpp_console.cli.outfile import check_target, write_whole
from mpp_console.cli.output import print_json, say
from mpp_console.cli.request_options import RequestOptions, request_options

if TYPE_CHECKING:
    from mpp_console.protocol import Secret
    from mpp_console.services import Console
    from mpp_console.services.inspect import Decoded, Decoding, InspectReport

__all__ = ["inspect"]

DECODED = "Decoded only; no request was made, nothing was signed and nothing was spent."
UNPAID = "Unpaid request; nothing was signed and nothing was spent."
UNPAID_AGAIN = "Unpaid requests; nothing was signed and nothing was spent."


_PLAIN_URL = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://\S+")
_TEXT_LIMIT = 16 * 1024 * 1024


@click.command()
@request_options
@click.option("-v", "--verbose", is_flag=True, help="Print what passed, the header section and the body too.")
@click.option("--twice", is_flag=True, help="Make the unpaid request again and compare.")
@click.option(
    "--probe-malformed", is_flag=True, help="Also send a credential that nobody can read; it should get a 402, no 500."
)
@click.option(
    "--discovery", is_flag=True, help="Read the origin's /openapi.json too and compare it with the challenge."
)
@click.option(
    "--secret-env", metavar="NAME", help="Check challenge ids with the server's secret in this environment variable."
)
@click.option("--markdown", "markdown_file", metavar="FILE", help="Save the report as Markdown too.")
@pass_app
def inspect(
    app: App,
    *,
    request: RequestOptions,
    verbose: bool,
    twice: bool,
    probe_malformed: bool,
    discovery: bool,
    secret_env: str | None,
    markdown_file: str | None,
) -> None:
    """Decode every offer of URL and judge the answer. The request is unpaid: nothing is signed, nothing is spent, no
    account is needed.

    In place of a URL: a header line, credential, receipt, response, curl command, HAR or JSON-RPC error, which is
    decoded without a request (a curl command is carried out, unpaid). @FILE reads it from a file, - from stdin, which
    keeps secrets out of the shell's history.

    Ends with 1 when a finding fails, with 3 when no answer came.
    """
    secret = None if secret_env is None else _secret(secret_env)
    target = None if markdown_file is None else check_target(markdown_file, "--markdown")
    given = _given(request.url)
    if given != request.url or not _PLAIN_URL.fullmatch(given):
        decoding = app.run(lambda console: console.decode(given))
        if decoding.decoded.inquiry is None:
            _tell(app, decoding, verbose=verbose, target=target)
            return
        request = _merged(request, decoding.decoded)

    async def work(console: Console) -> InspectReport:
        from mpp_console.services.inspect import Inspection

        return await console.inspect(
            request.url,
            method=request.method,
            headers=request.headers,
            body=request.body,
            follow_redirects=request.follow_redirects,
            patience=request.timeout,
            inspection=Inspection(twice=twice, probe_malformed=probe_malformed, discovery=discovery, secret=secret),
        )

    report = app.run(work)
    _save(target, report)
    if app.json:
        print_json(report.to_dict())
    else:
        print_report(report, verbose=verbose)
    say(UNPAID_AGAIN if twice or probe_malformed or discovery else UNPAID)
    if report.worst == "fail":
        sys.exit(1)


def _secret(name: str) -> Secret[bytes]:
    from mpp_console.protocol import Secret

    value = os.environ.get(name)
    if not value:
        raise click.BadParameter(f"the environment has no {name}, or it is empty", param_hint="--secret-env")
    return Secret(value.encode("utf-8"))


def _given(text: str) -> str:
    """The text itself, or what `@FILE` or `-` names."""
    if text == "-":
        return sys.stdin.buffer.read(_TEXT_LIMIT + 1).decode("utf-8", "replace")
    if not text.startswith("@"):
        return text
    try:
        with Path(text[1:]).open("rb") as file:
            return file.read(_TEXT_LIMIT + 1).decode("utf-8", "replace")
    except OSError as error:
        raise click.BadParameter(f"{text[1:]}: {error.strerror or error}", param_hint="URL") from error


def _merged(request: RequestOptions, decoded: Decoded) -> RequestOptions:
    """The pasted request, with what the options add to it or put in its place."""
    inquiry = decoded.inquiry
    assert inquiry is not None  # noqa: S101 - the caller has looked
    chosen = request.method != "GET" or request.body
    return replace(
        request,
        url=inquiry.url,
        method=request.method if chosen else inquiry.method,
        headers=(*inquiry.headers, *request.headers),
        body=request.body or inquiry.body,
        follow_redirects=request.follow_redirects or decoded.follow_redirects,
    )


def _tell(app: App, decoding: Decoding, *, verbose: bool, target: Path | None) -> None:
    """Prints what a text is, and ends the command."""
    decoded, report = decoding.decoded, decoding.report
    if decoded.kind == "unknown":
        raise click.BadParameter(decoded.note, param_hint="URL")
    if report is not None:
        _save(target, report)
    if app.json:
        print_json(decoding.to_dict())
    else:
        print_decoded(decoding, verbose=verbose)
    say(DECODED)
    if decoding.worst == "fail":
        sys.exit(1)


def _save(target: Path | None, report: InspectReport) -> None:
    if target is not None:
        from mpp_console.services.inspect import markdown

        write_whole(target, markdown(report).encode())
