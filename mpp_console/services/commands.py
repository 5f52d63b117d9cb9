"""What an action is on the command line, so that every screen can show the line that does the same. Pure.

Values of headers that carry secrets, users and passwords of URLs are left out: the line is shown, logged and copied.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from mpp_console.client.origin import without_userinfo
from mpp_console.protocol import inert
from mpp_console.services.models import PayRequest, SessionAct, TransferRequest
from mpp_console.services.views import is_secret_header

__all__ = ["command_line", "pay_command", "request_words", "sessions_command", "transfer_command"]

PROGRAM = "mpp-console"
_BODY_LIMIT = 200


def command_line(profile: str, *words: str) -> str:
    """`mpp-console words…`, with the profile named where it is not the sandbox. It may be an option (`--demo`), as no
    name begins with a dash.
    """
    chosen = () if profile == "sandbox" else (profile,) if profile.startswith("-") else ("--profile", profile)
    return inert(shlex.join((PROGRAM, *chosen, *words)))


def pay_command(profile: str, request: PayRequest) -> str:
    """The `pay` command of a request. A body that is long or not text is shown as `@FILE`."""
    account = () if request.account is None else ("--account", request.account)
    words = [*account, "pay", *request_words(request)]
    for option, wish in (("--max-amount", request.max_amount), ("--offer", request.offer)):
        if wish is not None:
            words += [option, wish]
    if request.mode == "quote":
        words.append("--dry-run")
    return command_line(profile, *words)


def request_words(request: PayRequest) -> list[str]:
    """The URL and the options that make the request, by the letters that curl has for them."""
    words = [without_userinfo(request.url)]
    if request.method != ("POST" if request.body else "GET"):
        words += ["-X", request.method]
    for name, value in request.headers:
        words += ["-H", f"{name}: {'…' if is_secret_header(name) else value}"]
    if request.body:
        words += ["-d", _body_text(request.body)]
    if request.follow_redirects:
        words.append("-L")
    return words


def transfer_command(profile: str, request: TransferRequest) -> str:
    words = ["transfer", request.amount, request.to]
    if request.token is not None:
        words += ["--token", request.token]
    if request.memo is not None:
        words += ["--memo", request.memo]
    account = () if request.account is None else ("--account", request.account)
    return command_line(profile, *account, *words)


def sessions_command(
    profile: str, act: SessionAct, channels: Sequence[str], *, amount: str | None = None, cooperative: bool = True
) -> str:
    """The `sessions` command of an act on channels."""
    match act:
        case "topup":
            words = ["topup", *channels, *(() if amount is None else ("--amount", amount))]
        case "force-close":
            words = ["close", *channels, "--force"]
        case "close":
            words = ["close", *channels, *(() if cooperative else ("--force",))]
        case _:
            words = [act, *channels]
    return command_line(profile, "sessions", *words)


def _body_text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return "@FILE"
    return text if len(text) <= _BODY_LIMIT and text.isprintable() else "@FILE"
