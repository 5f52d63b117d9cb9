"""What can be done with sessions wherever they are shown: each act through a review sheet, reading without one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from textual.screen import Screen

from mpp_console.protocol import REDACTED, ChannelState, inert
from mpp_console.services.commands import command_line
from mpp_console.services.models import PayRequest
from mpp_console.services.session_models import ImportResult, SessionAct, SessionDetail, SessionRow
from mpp_console.tui.screens.menu import Choice, MenuDialog
from mpp_console.tui.session_lines import SessionLine
from mpp_console.tui.view import Unavailable, app_of, begin, console_of

__all__ = ["SESSION_OFFER", "SessionActs"]

SESSION_OFFER = "tempo/session"
"""The offer that a new channel, and the next payment from one, is wanted by."""

_CLOSABLE = frozenset({ChannelState.ACTIVE, ChannelState.ORPHANED, ChannelState.UNKNOWN})


class SessionActs(Screen[None]):
    """A screen with sessions on it."""

    def chosen(self) -> tuple[SessionLine, ...]:
        """The channels that are meant: those marked, else the one looked at. Raises Unavailable when there is none."""
        raise NotImplementedError

    def reread(self) -> None:
        """Reads anew what is shown."""
        raise NotImplementedError

    def _one(self) -> SessionRow:
        """The one channel that is meant."""
        lines = self.chosen()
        if len(lines) > 1:
            raise Unavailable("That is for one channel at a time; esc takes the marks away.")
        return self._readable(lines)[0]

    @staticmethod
    def _readable(lines: Sequence[SessionLine]) -> list[SessionRow]:
        rows = [line.row for line in lines if line.row is not None]
        if not rows:
            raise Unavailable("The row of this channel cannot be read; it is kept as it is.")
        return rows

    def _open_ones(self) -> list[SessionRow]:
        """Those that are meant, without the closed ones among them."""
        rows = [row for row in self._readable(self.chosen()) if row.state.holds_money]
        if not rows:
            raise Unavailable("This channel is closed already; what was left has come back.")
        return rows

    # Acts

    def do_sessions_topup(self) -> None:
        from mpp_console.tui.screens.session_dialogs import AmountDialog

        row = self._one()
        if not row.state.holds_money:
            raise Unavailable("This channel is closed. n opens a new one.")

        def add(amount: str | None) -> None:
            if amount is not None:
                self._begin("topup", [row], opened_by="enter", amount=amount)

        self.app.push_screen(AmountDialog(row), add)

    async def do_sessions_again(self) -> None:
        row = self._one()
        if not row.url:
            raise Unavailable("Nobody here knows which URL this channel pays. n takes one.")
        if REDACTED in row.url:
            raise Unavailable("The URL of this channel held a secret, which is not kept. n takes it whole.")
        await app_of(self).pay(PayRequest(url=row.url, offer=SESSION_OFFER), opened_by="R")

    def do_sessions_close(self) -> None:
        self._begin("close", self._open_ones(), opened_by="c")

    def do_sessions_force(self) -> None:
        rows = self._readable(self.chosen())
        if not any(row.state in _CLOSABLE for row in rows):
            raise Unavailable("The close of this channel is requested already, or it is closed.")
        self._begin("force-close", rows, opened_by="F")

    def do_sessions_withdraw(self) -> None:
        self._begin("withdraw", self._open_ones(), opened_by="W")

    def do_sessions_close_stale(self) -> None:
        stale = console_of(self).sessions.view().stale
        if not stale:
            raise Unavailable("No channel is stale: each one is in use, or closed.")
        rows = [row for row in console_of(self).sessions.view().rows if row.id in stale]
        self._begin("close", rows, opened_by="C", sweeping=True)

    def _begin(
        self,
        act: SessionAct,
        rows: Sequence[SessionRow],
        *,
        opened_by: str,
        amount: str | None = None,
        sweeping: bool = False,
    ) -> None:
        from mpp_console.tui.session_sheet import SessionSheet

        task = console_of(self).sessions.start(act, tuple(row.id for row in rows), amount=amount)
        sheet = SessionSheet(task, opened_by=opened_by, sweeping=sweeping)
        self.app.push_screen(sheet, lambda _nothing: self.reread())

    # Reading

    def do_sessions_sync(self) -> None:
        self._sync(tuple(line.id for line in self.chosen()))

    def do_sessions_sync_all(self) -> None:
        self._sync(None)

    def _sync(self, ids: tuple[str, ...] | None) -> None:
        begin(self, partial(self._synced, ids), group="sync", what="sync", exclusive=True)

    async def _synced(self, ids: tuple[str, ...] | None) -> None:
        app = app_of(self)
        app.say(f"Asking the chain about {_channels(len(ids))}." if ids else "Asking the chain about every channel.")
        result = await console_of(self).sessions.sync(ids)
        self.reread()
        changed = f"{_channels(len(result.changed))} changed" if result.changed else "as it is known here"
        app.say(f"Synced {_channels(len(result.rows))}: {changed}.")
        for name, trouble in result.troubles:
            app.say(f"{app.view.lens.reference(name)}: {inert(trouble, limit=200)}", warn=True)

    def do_sessions_recover(self) -> None:
        begin(self, self._recover, group="recover", what="search for lost channels", exclusive=True)

    async def _recover(self) -> None:
        app = app_of(self)
        app.say("Searching the chain for channels of this account.")
        result = await console_of(self).sessions.recover()
        self.reread()
        found = (
            f"found {_channels(len(result.orphans))} that nobody here knew" if result.orphans else "found nothing lost"
        )
        app.say(f"Searched up to block {result.until:,}: {found}; {result.known} known, {result.closed} closed.")

    def do_sessions_import(self) -> None:
        from mpp_console.tui.screens.session_dialogs import ImportDialog

        self.app.push_screen(ImportDialog(), self._imported)

    def _imported(self, result: ImportResult | None) -> None:
        if result is not None:
            self.reread()
            app_of(self).say(f"Took in {_channels(len(result.added))}. S holds them against the chain.")

    # Copying, and elsewhere

    def do_sessions_copy(self) -> None:
        begin(self, partial(self._copy_menu, self.chosen()), group="copy", what="copying", exclusive=True)

    async def _copy_menu(self, lines: tuple[SessionLine, ...]) -> None:
        rows = [line.row for line in lines if line.row is not None]
        sessions = console_of(self).sessions
        details = [await sessions.show(row.id) for row in rows]
        texts = {
            "id": "\n".join(line.id for line in lines),
            "url": "\n".join(row.url for row in rows if row.url),
            "payee": "\n".join(dict.fromkeys(row.payee for row in rows)),
            "json": _json_of(details) if details else "",
            "dispute": "\n\n".join([await sessions.dispute(row.id) for row in rows]),
        }
        lens = app_of(self).view.lens
        first = rows[0] if len(lines) == 1 and rows else None
        notes = {
            "id": lens.reference(lines[0].id, whole=True) if len(lines) == 1 else "",
            "url": first.url if first else "",
            "payee": lens.address(first.payee, whole=True) if first else "",
            "json": "the channel and its history, without signatures",
            "dispute": "what to send to whoever runs the server",
        }
        labels = (
            ("id", "i", "id"),
            ("url", "u", "URL"),
            ("payee", "p", "payee"),
            ("json", "o", "JSON"),
            ("dispute", "d", "dispute text"),
        )
        choices = [
            Choice(
                id=name,
                label=label,
                key=key,
                note=inert(notes[name], limit=68),
                reason="" if texts[name] else "nothing is known of that",
            )
            for name, key, label in labels
        ]

        def copy(name: str | None) -> None:
            if name is not None:
                app_of(self).copy_text(texts[name], {one: label for one, _, label in labels}[name])

        title = (
            f"Copy from channel {lens.reference(lines[0].id)}"
            if len(lines) == 1
            else f"Copy from {len(lines)} channels"
        )
        await self.app.push_screen(MenuDialog(title, choices, at="id"), copy)

    def do_sessions_command(self) -> None:
        called = app_of(self).view.called
        lines = [command_line(called, "sessions", "show", line.id) for line in self.chosen()]
        app_of(self).copy_text("\n".join(lines), "command")

    def do_sessions_explorer(self) -> None:
        begin(self, partial(self._explore, self._one()), group="explorer", what="explorer", exclusive=True)

    async def _explore(self, row: SessionRow) -> None:
        view = await console_of(self).sessions.chain(row.id)
        if view.explorer_url is None:
            raise Unavailable("This network has no explorer to open.")
        self.app.open_url(view.explorer_url)


def _channels(count: int) -> str:
    return f"{count} channel" if count == 1 else f"{count} channels"


def _json_of(details: Sequence[SessionDetail]) -> str:
    found = [_as_json(detail) for detail in details]
    return json.dumps(found[0] if len(found) == 1 else found, indent=2, ensure_ascii=True, default=str)


def _as_json(detail: SessionDetail) -> dict[str, object]:
    """Amounts as text in base units: readers of JSON commonly make floats of numbers."""
    row = detail.row
    amounts = ("deposit", "signed", "accepted", "spent", "settled", "left", "locked", "at_risk", "pending_deposit")
    return {
        "id": row.id,
        "state": row.state.value,
        "protocol": row.protocol,
        "network": row.network,
        "chain_id": detail.chain_id,
        "escrow": detail.escrow,
        "origin": row.origin,
        "url": row.url,
        "payer": row.payer,
        "payee": row.payee,
        "operator": detail.operator,
        "authorized_signer": detail.authorized_signer,
        "salt": detail.salt,
        "currency": row.currency.symbol,
        "currency_id": row.currency.id,
        "decimals": row.currency.decimals,
        "base_units": {name: str(getattr(row, name)) for name in amounts},
        "refunded_base_units": None if row.refunded is None else str(row.refunded),
        "opened": row.created_at.isoformat(),
        "last_used": row.last_used_at.isoformat(),
        "closes_at": None if row.closes_at is None else row.closes_at.isoformat(),
        "open_transaction": detail.open_hash,
        "close_transaction": detail.close_hash,
        "history": [
            {"time": entry.at.isoformat(), "kind": entry.kind, "reference": entry.reference, "text": entry.text}
            for entry in detail.entries
        ],
    }
