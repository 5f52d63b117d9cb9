"""The actions that work in the inspector."""

from __future__ import annotations

from mpp_console.tui.actions.blocked import until_open
from mpp_console.tui.actions.model import Action, Danger, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(
        id="inspect.url",
        keys="slash,n",
        label="URL",
        help="Goes to the URL bar; up and down recall earlier ones, enter inspects.",
        scope=Scope.INSPECT,
        blocked=until_open,
        hint=10,
    ),
    Action(
        id="inspect.paste",
        keys="V",
        label="Paste",
        help="Opens a box for a header, credential, receipt, response, curl, HAR or JSON-RPC error; v does too.",
        scope=Scope.INSPECT,
        blocked=until_open,
        hint=12,
    ),
    Action(
        id="inspect.again",
        keys="R",
        label="Again",
        help="Inspects the same again, with the switches as they are now. Spends nothing.",
        scope=Scope.INSPECT,
        blocked=until_open,
        hint=14,
    ),
    Action(
        id="inspect.review",
        keys="",
        label="Review this offer",
        help="Opens the review sheet for the selected offer; enter in the list of offers does the same.",
        scope=Scope.INSPECT,
        danger=Danger.SPEND,
        review=True,
        blocked=until_open,
    ),
    Action(
        id="inspect.copy",
        keys="y",
        label="Copy",
        help="Copies the report as Markdown or JSON, the challenges, curl, or the command.",
        scope=Scope.INSPECT,
        hint=20,
    ),
    Action(
        id="inspect.save",
        keys="x",
        label="Save",
        help="Saves the report as Markdown or JSON, for its owner only; never over another file.",
        scope=Scope.INSPECT,
        hint=22,
    ),
    Action(
        id="inspect.levels",
        keys="F",
        label="Levels",
        help="Narrows the findings: all, then without those that passed, then what fails or warns, then what fails.",
        scope=Scope.INSPECT,
        hint=24,
    ),
    Action(
        id="inspect.malformed",
        keys="M",
        label="Malformed probe",
        help="Also sends a credential that nobody can read, which a server must refuse with 402; again leaves it.",
        scope=Scope.INSPECT,
    ),
    Action(
        id="inspect.twice",
        keys="A",
        label="Ask twice",
        help="Also makes the unpaid request a second time and compares ids and terms; again leaves it.",
        scope=Scope.INSPECT,
    ),
    Action(
        id="inspect.discovery",
        keys="D",
        label="Discovery",
        help="Also reads the price list of the origin (/openapi.json) and compares; again leaves it.",
        scope=Scope.INSPECT,
    ),
    Action(
        id="inspect.redirects",
        keys="L",
        label="Follow redirects",
        help="Goes where the answer redirects to; again stays.",
        scope=Scope.INSPECT,
    ),
    Action(
        id="inspect.secret",
        keys="H",
        label="HMAC secret",
        help="Takes the server's own challenge secret, to check ids with. It stays in memory.",
        scope=Scope.INSPECT,
    ),
    Action(
        id="inspect.next",
        keys="right",
        label="Next tab",
        help="Shows the next tab.",
        scope=Scope.INSPECT,
    ),
    Action(
        id="inspect.previous",
        keys="left",
        label="Previous tab",
        help="Shows the tab before.",
        scope=Scope.INSPECT,
    ),
)
