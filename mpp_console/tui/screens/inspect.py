"""Mode 4: what a URL asks for, decoded and judged by an unpaid request; or anything pasted. Nothing is spent here: an
offer can be taken to the review sheet, which is another place.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from mpp_console.protocol import MppError, Secret, inert
from mpp_console.services.inspect import Decoded, Decoding, Inspection, InspectReport, recognise
from mpp_console.services.inspect_text import as_json, as_markdown, curl_command, inspect_command, report_name
from mpp_console.services.models import ErrorView, PayRequest
from mpp_console.services.requests import full_url
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.feed import Feed
from mpp_console.tui.screens.base import ModeScreen
from mpp_console.tui.screens.inspect_dialogs import PasteDialog, SaveDialog, SecretDialog
from mpp_console.tui.screens.menu import Choice, MenuDialog
from mpp_console.tui.view import Unavailable, View, app_of, begin, console_of
from mpp_console.tui.widgets.inspect_bar import PROMISE, InspectBar, UrlInput
from mpp_console.tui.widgets.inspect_tabs import InspectTabs
from mpp_console.tui.widgets.inspect_view import Shown

__all__ = ["InspectScreen"]

_GROUP = "inspect"
_PROMISES = {
    ("done", True): "unpaid request · nothing was spent",
    ("done", False): "decoded only · nothing was spent",
    ("failed", True): "no answer · nothing was spent",
    ("failed", False): "no request · nothing was spent",
}
"""What is said in the bar, by how far it is and whether somebody was asked."""


class InspectScreen(ModeScreen):
    """`show_url` is the way in from everywhere else."""

    MODE = "inspect"
    SCOPE = Scope.INSPECT
    AUTO_FOCUS = "#read-summary"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.INSPECT),
        # In lists this key marks a range, which no list here lets it do.
        Binding("v", "app.do('inspect.paste')", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._shown = Shown()
        self._before = Shown()
        self._decoding: Decoding | None = None
        self._text = ""
        self._inspection = Inspection()
        self._follows = False

    def body(self) -> ComposeResult:
        with Vertical(id="inspect"):
            yield InspectBar(id="inspect-bar")
            yield InspectTabs(app_of(self).view.lens, id="inspect-report")

    @property
    def bar(self) -> InspectBar:
        return self.query_one(InspectBar)

    @property
    def tabs(self) -> InspectTabs:
        return self.query_one(InspectTabs)

    def opened(self) -> None:
        begin(self, self._recall, group="urls", what="URLs inspected before")

    def look(self, view: View) -> None:
        self.bar.look(view.lens)
        self.tabs.look(view.lens)

    async def show_url(self, url: str, method: str = "GET") -> None:
        """Inspects a URL by an unpaid request, as if it had been typed. For other screens and the palette."""
        self._put(url)
        self.bar.method = method
        self._begin(url)

    # What was typed or pasted

    @on(Input.Submitted, "#inspect-url")
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self._begin(event.value)

    @on(UrlInput.Recalled)
    def _recalled(self, event: UrlInput.Recalled) -> None:
        self.bar.method = event.visited.method

    @on(UrlInput.Pasted)
    async def _pasted(self, event: UrlInput.Pasted) -> None:
        await self.app.push_screen(PasteDialog(event.text), self._take)

    def _take(self, text: str | None) -> None:
        if text is not None:
            self._begin(text)

    def _begin(self, text: str) -> None:
        self._text = text
        begin(self, partial(self._inspect, text), group=_GROUP, what="inspection", exclusive=True)

    async def _inspect(self, text: str) -> None:
        console_of(self)
        found = await recognise(text, app_of(self).clock())
        try:
            if found.kind == "unknown":
                raise MppError(
                    found.note, code="unknown-text", hint="Type a URL, or paste what a server or client sent."
                )
            request = self._request(found)
            if request is not None:
                await self._ask(request)
            else:
                await self._decode(text)
        except MppError as error:
            self._fail(error)
        self.tabs.focus_content()

    def _request(self, found: Decoded) -> PayRequest | None:
        """The request that a text is: with the method of the bar for a URL, whole for a curl command or a HAR."""
        inquiry = found.inquiry
        if inquiry is None:
            return None
        typed = found.kind == "url"
        if not typed:
            self.bar.method = inquiry.method
        return PayRequest(
            url=full_url(inquiry.url),
            method=self.bar.method if typed else inquiry.method,
            headers=inquiry.headers,
            body=inquiry.body,
            follow_redirects=self._follows or found.follow_redirects,
        )

    async def _ask(self, request: PayRequest) -> None:
        what = inert(f"{request.method} {self._without_user(request.url)}")
        self._before = self._shown if self._shown.stage != "asking" else self._before
        self._show(Shown(stage="asking", what=what, since=app_of(self).clock(), request=request))
        self.tabs.active = "summary"
        report = await console_of(self).inspect(
            request.url,
            method=request.method,
            headers=request.headers,
            body=request.body,
            follow_redirects=request.follow_redirects,
            inspection=self._inspection,
        )
        self._decoding = None
        given = self._inspection.secret is not None
        self._show(Shown(stage="done", what=what, request=request, report=report, with_secret=given))
        self._put(request.url)
        await self._remember(request)

    async def _decode(self, text: str) -> None:
        decoding = await console_of(self).decode(text, secret=self._inspection.secret)
        self._decoding = decoding
        given = self._inspection.secret is not None
        decoded = decoding.decoded
        # What was pasted may be a credential: it stays in no line that others can read.
        self.bar.box.value = ""
        self._show(Shown(stage="done", what=decoded.note, report=decoding.report, decoded=decoded, with_secret=given))
        self.tabs.active = "summary"

    def _put(self, url: str) -> None:
        """Shows a URL in the bar, unless it holds what cannot be seen."""
        self.bar.box.value = url if inert(url) == url else ""

    def _fail(self, error: MppError) -> None:
        app_of(self).log_entries.add(app_of(self).clock(), "error", inert(str(error)))
        self._decoding = None
        view = ErrorView(code=error.code, message=str(error), hint=error.hint or "")
        asked = self._shown if self._shown.stage == "asking" else Shown()
        self._show(Shown(stage="failed", what=asked.what, request=asked.request, error=view))
        self.tabs.active = "summary"

    def _show(self, shown: Shown) -> None:
        self._shown = replace(shown, recent=self._shown.recent)
        self.tabs.show(self._shown)
        several = shown.report is not None and len(shown.report.legs) > 1
        text = _PROMISES.get((shown.stage, shown.request is not None), PROMISE)
        self.bar.promise(text.replace("request ", "requests ") if several else text)

    async def _remember(self, request: PayRequest) -> None:
        try:
            await console_of(self).urls.add(request.url, request.method)
        except MppError as error:
            # What was found is worth more than that it is remembered.
            app_of(self).tell(error)
        await self._recall()

    async def _recall(self) -> None:
        recent = tuple(await console_of(self).urls.recent())
        self.bar.box.remember(recent)
        self._shown = replace(self._shown, recent=recent)
        if self._shown.stage == "empty":
            self.tabs.show(self._shown)

    @staticmethod
    def _without_user(url: str) -> str:
        from mpp_console.services.url_history import without_secrets

        return without_secrets(url)

    # What was pressed

    def do_inspect_url(self) -> None:
        box = self.bar.box
        box.focus()
        box.select_all()

    async def do_inspect_paste(self) -> None:
        await self.app.push_screen(PasteDialog(), self._take)

    def do_inspect_again(self) -> None:
        if not self._text:
            raise Unavailable("Nothing was inspected yet.")
        self._begin(self._text)

    def do_inspect_next(self) -> None:
        self.tabs.turn(1)

    def do_inspect_previous(self) -> None:
        self.tabs.turn(-1)

    def do_inspect_levels(self) -> None:
        if not self._shown.findings:
            raise Unavailable("There are no findings to narrow.")
        self.tabs.active = "findings"
        self.tabs.turn_filter()

    def do_inspect_malformed(self) -> None:
        self._switch(replace(self._inspection, probe_malformed=not self._inspection.probe_malformed))

    def do_inspect_twice(self) -> None:
        self._switch(replace(self._inspection, twice=not self._inspection.twice))

    def do_inspect_discovery(self) -> None:
        self._switch(replace(self._inspection, discovery=not self._inspection.discovery))

    def do_inspect_redirects(self) -> None:
        self._follows = not self._follows
        self._switch(self._inspection)

    async def do_inspect_secret(self) -> None:
        await self.app.push_screen(SecretDialog(), self._keep_secret)

    def _keep_secret(self, secret: Secret[bytes] | None) -> None:
        if secret is None:
            return
        self._switch(replace(self._inspection, secret=secret if secret.reveal() else None))
        if self._decoding is not None:
            # Nobody is asked anything when a pasted text is read again.
            self._begin(self._text)

    def _switch(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self.bar.switch(inspection, follows=self._follows)

    def do_back(self) -> bool:
        """Out of the bar, then all levels again, then gives a request up; False when there was nothing of it."""
        focused = self.focused
        if focused is not None and self.bar in focused.ancestors_with_self:
            self.tabs.focus_content()
        elif self._shown.stage == "asking":
            self.workers.cancel_group(self, _GROUP)
            self._show(self._before)
        elif self.tabs.filtered and self.tabs.active == "findings":
            self.tabs.turn_filter(0)
        else:
            return False
        return True

    # Taking it elsewhere

    @on(Feed.Opened, "#inspect-offers")
    async def _opened_offer(self) -> None:
        await app_of(self).action_do("inspect.review")

    @on(Feed.Opened, "#inspect-found")
    def _opened_finding(self) -> None:
        self.query_one("#read-findings").focus()

    async def do_inspect_review(self) -> None:
        request, report, offer = self._shown.request, self._shown.report, self.tabs.offer
        if offer is None or report is None:
            raise Unavailable("No offer is selected that can be read.")
        if request is None:
            raise Unavailable("This was pasted: only what a URL offers can be reviewed. Type the URL.")
        # A fresh request brings fresh challenges: what stays the same is the place.
        position = report.offers.index(offer) + 1
        await app_of(self).pay(replace(request, offer=str(position)))

    def _subject(self) -> InspectReport | Decoding:
        subject = self._decoding or self._shown.report
        if subject is None:
            raise Unavailable("There is no report yet.")
        return subject

    async def do_inspect_copy(self) -> None:
        self._subject()
        request, report, finding = self._shown.request, self._shown.report, self.tabs.finding
        offers = report is not None and bool(report.lines)
        pasted = "" if request is not None else "this was pasted"
        choices = (
            Choice(id="markdown", label="Markdown report", key="m"),
            Choice(id="json", label="JSON report", key="s"),
            Choice(id="header", label="WWW-Authenticate lines", key="h", reason="" if offers else "there are none"),
            Choice(id="finding", label="selected finding", key="f", reason="" if finding else "none is selected"),
            Choice(id="url", label="URL", key="u", reason=pasted),
            Choice(id="curl", label="curl", key="c", reason=pasted),
            Choice(id="command", label="command", key="d", reason=pasted),
        )
        await self.app.push_screen(MenuDialog("Copy", choices), self._copy)

    def _copy(self, chosen: str | None) -> None:
        if chosen is not None:
            text = self._copied(chosen)
            app_of(self).copy_text(text, {"json": "the report as JSON", "markdown": "the report"}.get(chosen, chosen))

    def _copied(self, chosen: str) -> str:
        subject, request, report = self._subject(), self._shown.request, self._shown.report
        if chosen == "json":
            return as_json(subject)
        if chosen == "header" and report is not None:
            return "\n".join(f"WWW-Authenticate: {line}" for line in report.lines)
        if chosen == "finding" and self.tabs.finding is not None:
            found = self.tabs.finding.finding
            parts = (f"{found.level.upper()} {found.id}", found.text, found.spec, found.fix)
            return "\n".join(part for part in parts if part)
        if request is not None and chosen in ("url", "curl", "command"):
            profile = app_of(self).view.called
            return {
                "url": self._without_user(request.url),
                "curl": curl_command(request),
                "command": inspect_command(profile, request, self._inspection),
            }[chosen]
        return as_markdown(subject)

    async def do_inspect_save(self) -> None:
        subject = self._subject()
        await self.app.push_screen(SaveDialog(subject, report_name(subject)), self._saved)

    def _saved(self, path: Path | None) -> None:
        if path is not None:
            app, request = app_of(self), self._shown.request
            profile = app.view.called
            command = inspect_command(profile, request, self._inspection) if request else "mpp-console inspect -"
            where = shlex.quote(str(path))
            saving = f"--json > {where}" if path.suffix == ".json" else f"--markdown {where}"
            app.log_entries.add(app.clock(), "action", f"report saved: {path}", f"{command} {saving}")
            app.say(f"Saved: {path}")
