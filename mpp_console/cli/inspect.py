"""`inspect`: unpaid requests, every offer decoded, every finding told."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from mpp_console.cli.context import App, pass_app
from mpp_console.cli.inspect_text import print_report
from mpp_console.cli.outfile import check_target, write_whole
from mpp_console.cli.output import print_json, say
from mpp_console.cli.request_options import RequestOptions, request_options

if TYPE_CHECKING:
    from mpp_console.protocol import Secret
    from mpp_console.services import Console
    from mpp_console.services.inspect import InspectReport

__all__ = ["inspect"]

UNPAID = "Unpaid request; nothing was signed and nothing was spent."
UNPAID_AGAIN = "Unpaid requests; nothing was signed and nothing was spent."


@click.command()
@request_options
@click.option("-v", "--verbose", is_flag=True, help="Print what passed, the header section and the body too.")
@click.option("--twice", is_flag=True, help="Make the unpaid request again and compare.")
@click.option(
    "--probe-malformed", is_flag=True, help="Also send a credential that nobody can read; it should get a 402, no 500."
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
    secret_env: str | None,
    markdown_file: str | None,
) -> None:
    """Decode every offer of URL and judge the answer. The request is unpaid: nothing is signed, nothing is spent, no
    account is needed.

    Ends with 1 when a finding fails, with 3 when no answer came.
    """
    secret = None if secret_env is None else _secret(secret_env)
    target = None if markdown_file is None else check_target(markdown_file)

    async def work(console: Console) -> InspectReport:
        from mpp_console.services.inspect import Inspection

        return await console.inspect(
            request.url,
            method=request.method,
            headers=request.headers,
            body=request.body,
            follow_redirects=request.follow_redirects,
            patience=request.timeout,
            inspection=Inspection(twice=twice, probe_malformed=probe_malformed, secret=secret),
        )

    report = app.run(work)
    if target is not None:
        from mpp_console.services.inspect import markdown

        write_whole(target, markdown(report).encode())
    if app.json:
        print_json(report.to_dict())
    else:
        print_report(report, verbose=verbose)
    say(UNPAID_AGAIN if twice or probe_malformed else UNPAID)
    if report.worst == "fail":
        sys.exit(1)


def _secret(name: str) -> Secret[bytes]:
    from mpp_console.protocol import Secret

    value = os.environ.get(name)
    if not value:
        raise click.BadParameter(f"the environment has no {name}, or it is empty", param_hint="--secret-env")
    return Secret(value.encode("utf-8"))
