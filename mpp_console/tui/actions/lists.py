"""The actions that work in every list."""

from __future__ import annotations

from mpp_console.tui.actions.model import Action, Scope

__all__ = ["ACTIONS"]

ACTIONS = (
    Action(id="list.open", keys="enter", label="Open", help="Opens the selected row.", scope=Scope.LIST, hint=5),
    Action(id="list.down", keys="j,down", label="Down", help="Moves one row down.", scope=Scope.LIST),
    Action(id="list.up", keys="k,up", label="Up", help="Moves one row up.", scope=Scope.LIST),
    Action(id="list.first", keys="g,home", label="First", help="Moves to the first row.", scope=Scope.LIST),
    Action(id="list.last", keys="G,end", label="Last", help="Moves to the last row.", scope=Scope.LIST),
    Action(id="list.page_down", keys="ctrl+d,pagedown", label="Page down", help="Moves a page down.", scope=Scope.LIST),
    Action(id="list.page_up", keys="ctrl+u,pageup", label="Page up", help="Moves a page up.", scope=Scope.LIST),
    Action(
        id="list.follow",
        keys="f",
        label="Follow",
        help="Follows new rows, or stops following them.",
        scope=Scope.LIST,
        hint=25,
    ),
)
