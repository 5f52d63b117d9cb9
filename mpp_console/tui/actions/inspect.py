"""The actions that work in the inspector."""

from __future__ import annotations

from mpp_console.tui.actions.model import Action

__all__ = ["ACTIONS"]

ACTIONS: tuple[Action, ...] = ()
