"""The command palette's entries: actions that work here, receipts by what is in them, and any URL that is typed.

What cannot be done now is listed and says why. The history is asked for a few rows only, and not before there is enough
to look for.
"""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from mpp_console.protocol import MppError, inert
from mpp_console.services.models import ReceiptFilter, ReceiptRow
from mpp_console.tui.actions import Action, Scope, in_scope
from mpp_console.tui.habits import theme_names
from mpp_console.tui.view import app_of

__all__ = ["ActionProvider", "ReceiptProvider", "ThemeProvider", "UrlProvider", "looks_like_url"]

_RECEIPTS = 8
_ENOUGH = 3
"""Characters to look for receipts by: fewer are in all of them."""


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
        keys = app_of(self.screen).view.keymap.text(entry, first=True)
        return f"{entry.label}  ({keys})" if keys else entry.label

    def _help(self, entry: Action) -> str:
        reason = app_of(self.screen).reason(entry)
        return f"Not now: {reason}" if reason else entry.help

    async def _run(self, entry: Action) -> None:
        await app_of(self.screen).action_do(entry.id)


class ReceiptProvider(Provider):
    """The newest receipts whose reference, URL, id or addresses hold what was typed."""

    async def search(self, query: str) -> Hits:
        app, text = app_of(self.screen), query.strip()
        if app.services is None or len(text) < _ENOUGH:
            return
        try:
            page = await app.services.receipts.page(ReceiptFilter(words=(text,)), None, _RECEIPTS, counted=False)
        except MppError as error:
            app.log_entries.add(app.clock(), "error", f"looking for receipts: {inert(str(error))}")
            return
        for place, row in enumerate(page.rows):
            # Below an action that is called so, and in the order of the history.
            yield Hit(
                0.4 - place / 100, self._title(row), partial(self._show, row.id), text=row.id, help=self._help(row)
            )

    def _title(self, row: ReceiptRow) -> Content:
        lens = app_of(self.screen).view.lens
        return Content.assemble(
            "Receipt ",
            (lens.reference(row.reference), "$primary"),
            "  ",
            inert(row.origin.partition("://")[2], limit=40),
        )

    def _help(self, row: ReceiptRow) -> str:
        lens = app_of(self.screen).view.lens
        direction = "paid" if row.direction == "sent" else "received"
        amount = lens.money(row.amount, row.currency)
        return lens.plain(f"{direction} {amount} · {lens.status(row.status).text} · {lens.moment(row.at)}")

    async def _show(self, receipt_id: str) -> None:
        await app_of(self.screen).go_to_receipt(receipt_id)


class UrlProvider(Provider):
    """What can be done with a URL: ask for its offers, or pay it after a review."""

    async def search(self, query: str) -> Hits:
        url = query.strip()
        if not looks_like_url(url):
            return
        shown = inert(url, limit=60)
        unpaid, reviewed = "An unpaid request; nothing is spent.", "Asks for its price and opens the review."
        yield Hit(0.9, f"Inspect {shown}", partial(self._inspect, url), text=url, help=unpaid)
        yield Hit(0.8, f"Pay {shown}", partial(self._pay, url), text=url, help=reviewed)

    async def _inspect(self, url: str) -> None:
        app = app_of(self.screen)
        await app.attempt(app.go_inspect(url))

    async def _pay(self, url: str) -> None:
        app = app_of(self.screen)
        await app.attempt(app.pay(url))


def looks_like_url(text: str) -> bool:
    """Whether somebody who types this means an address on the web: with a scheme, or a host and a path or port."""
    if any(character.isspace() for character in text):
        return False
    scheme, found, rest = text.partition("://")
    if found:
        return scheme in {"http", "https"} and bool(rest)
    host, _, path = text.partition("/")
    name, _, port = host.partition(":")
    return "." in name.strip(".") and bool(path or port.isdigit()) and name.replace(".", "").replace("-", "").isalnum()


class ThemeProvider(Provider):
    """Every theme by name."""

    async def discover(self) -> Hits:
        for name in theme_names():
            yield DiscoveryHit(name, partial(app_of(self.screen).choose_theme, name), help=self._help(name))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name in theme_names():
            if (score := matcher.match(name)) > 0:
                choose = partial(app_of(self.screen).choose_theme, name)
                yield Hit(score, matcher.highlight(name), choose, help=self._help(name))

    def _help(self, name: str) -> str:
        theme = app_of(self.screen).available_themes[name]
        return "dark" if theme.dark else "light"
