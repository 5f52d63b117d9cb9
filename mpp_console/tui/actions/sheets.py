"""The actions that work on the review sheet and in dialogs."""

from __future__ import annotations

from mpp_console.tui.actions.model import Action, Danger, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(
        id="review.approve",
        keys="a",
        label="Allow once",
        help="Pays what the sheet shows, once.",
        scope=Scope.REVIEW,
        danger=Danger.SPEND,
        review=True,
    ),
    Action(
        id="review.allow",
        keys="A",
        label="Allow this origin",
        help="Pays, and lets this origin be paid again for an hour within the cap that the sheet shows.",
        scope=Scope.REVIEW,
        danger=Danger.SPEND,
        review=True,
    ),
    Action(id="review.reject", keys="r", label="Reject", help="Declines. Nothing is signed.", scope=Scope.REVIEW),
    Action(
        id="review.copy",
        keys="Y",
        label="Copy command",
        help="Copies the command that does the same.",
        scope=Scope.REVIEW,
    ),
    Action(
        id="review.response",
        keys="enter",
        label="Response",
        help="Opens the answer, once it is here: its body, its header fields, what was paid.",
        scope=Scope.REVIEW,
    ),
    Action(
        id="review.close",
        keys="escape,q",
        label="Cancel",
        help="Declines if nothing was decided yet, and closes the sheet.",
        scope=Scope.REVIEW,
    ),
    Action(id="dialog.close", keys="escape,q", label="Close", help="Closes the dialog.", scope=Scope.DIALOG),
)
