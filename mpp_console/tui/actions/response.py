"""The actions that work on an answer, and in the form of a request."""

from __future__ import annotations

from mpp_console.tui.actions.model import Action, Danger, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(
        id="response.save",
        keys="s",
        label="Save",
        help="Writes the body to a file that is not there yet, as it came.",
        scope=Scope.RESPONSE,
        danger=Danger.LOCAL,
        hint=10,
    ),
    Action(
        id="response.again",
        keys="R",
        label="Again",
        help="Makes the same request once more; what it costs is asked about on a review sheet.",
        scope=Scope.RESPONSE,
        danger=Danger.SPEND,
        review=True,
        hint=12,
    ),
    Action(
        id="response.edit",
        keys="N",
        label="Edit",
        help="Opens the request in its form, to change it before it is made again.",
        scope=Scope.RESPONSE,
        danger=Danger.SPEND,
        review=True,
        hint=14,
    ),
    Action(
        id="response.receipt",
        keys="i",
        label="Receipt",
        help="Shows the receipt of this payment in full.",
        scope=Scope.RESPONSE,
        hint=16,
    ),
    Action(
        id="response.stop",
        keys="S",
        label="Stop",
        help="Reads no more of a body that is still coming. What was paid stays paid.",
        scope=Scope.RESPONSE,
        danger=Danger.LOCAL,
        hint=18,
    ),
    Action(
        id="response.copy",
        keys="y",
        label="Copy body",
        help="Copies the body as text, or the data of the selected event.",
        scope=Scope.RESPONSE,
        hint=50,
    ),
    Action(
        id="response.command",
        keys="Y",
        label="Copy command",
        help="Copies the command that makes this request and pays for it.",
        scope=Scope.RESPONSE,
        hint=52,
    ),
    Action(
        id="response.curl",
        keys="c",
        label="Copy curl",
        help="Copies a curl command that makes this request unpaid; secrets are left out.",
        scope=Scope.RESPONSE,
        hint=54,
    ),
    Action(
        id="request.send",
        keys="ctrl+r,ctrl+enter",
        label="Ask for the price",
        help="Makes the request and opens the review sheet; enter does the same in a field of one line.",
        scope=Scope.REQUEST,
        danger=Danger.SPEND,
        review=True,
        hint=10,
    ),
    Action(
        id="request.close",
        keys="escape",
        label="Cancel",
        help="Closes the form. Nothing was requested, and nothing of it is kept.",
        scope=Scope.REQUEST,
        hint=30,
    ),
)
