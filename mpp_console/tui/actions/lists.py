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
    Action(
        id="list.pause",
        keys="p",
        label="Pause",
        help="Holds new rows back and counts them; again lets them in.",
        scope=Scope.LIST,
    ),
    Action(
        id="list.mark",
        keys="space",
        label="Mark",
        help="Marks the row, or takes its mark away; esc takes all away.",
        scope=Scope.LIST,
        hint=45,
    ),
    Action(
        id="list.range",
        keys="v",
        label="Select a range",
        help="Marks every row from here to where the cursor goes; again keeps them.",
        scope=Scope.LIST,
    ),
    Action(
        id="list.order",
        keys="o",
        label="Order",
        help="Orders the list by another column.",
        scope=Scope.LIST,
        hint=55,
    ),
    Action(id="list.reverse", keys="O", label="Reverse", help="Turns the order round.", scope=Scope.LIST),
)
