"""The command palette's entries: every action that works here, by name; one that cannot be done now says why."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from mpp_console.tui.actions import Action, Scope, in_scope, keys_text
from mpp_console.tui.view import app_of

__all__ = ["ActionProvider"]


class ActionProvider(Provider):
    """Actions of the screen the palette was opened on, and those that work everywhere."""

    async def discover(self) -> Hits:
        for entry in self._entries():
            yield DiscoveryHit(self._title(entry), partial(self._run, entry), help=self._help(entry))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in self._entries():
            title = self._title(entry)
            if (score := matcher.match(title)) > 0:
                yield Hit(score, matcher.highlight(title), partial(self._run, entry), help=self._help(entry))

    def _entries(self) -> tuple[Action, ...]:
        scopes = [Scope.APP]
        scope = getattr(self.screen, "SCOPE", None)
        if isinstance(scope, Scope):
            scopes.insert(0, scope)
        if self.focused is not None and hasattr(self.focused, "do_list_open"):
            scopes.append(Scope.LIST)
        return tuple(entry for entry in in_scope(*scopes) if entry.id != "palette")

    def _title(self, entry: Action) -> str:
        keys = keys_text(entry, first=True)
        return f"{entry.label}  ({keys})" if keys else entry.label

    def _help(self, entry: Action) -> str:
        reason = app_of(self.screen).reason(entry)
        return f"Not now: {reason}" if reason else entry.help

    async def _run(self, entry: Action) -> None:
        await app_of(self.screen).action_do(entry.id)
