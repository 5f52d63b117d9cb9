"""The full form of a request: method, URL, header fields, body, and how much it may cost. A pasted command line is
taken apart into it. Nothing of it is kept when it closes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, Label, Static, TextArea

from mpp_console.protocol import MppError, inert
from mpp_console.services.models import PayRequest
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.display import BAD, GOOD, MUTED, WARN
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.view import app_of
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.pick import Pick, PickOption
from mpp_console.tui.widgets.plain_area import PlainArea
from mpp_console.tui.widgets.url_box import UrlBox, one_line

__all__ = ["RequestForm"]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
_HINTED = 256 * 1024
"""Characters of a body up to which it is looked at while one types."""


class RequestForm(Overlay[None]):
    """Asks for a request, and leads to the review sheet. Begins with `request`, or with what a `pasted` command
    asks for.
    """

    KEYS = (("tab", "Next field"),)
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.REQUEST)]
    AUTO_FOCUS = "#request-url"

    def __init__(
        self, request: PayRequest | None = None, left_out: Sequence[str] = (), *, pasted: str | None = None
    ) -> None:
        super().__init__()
        self._begin_with = request
        self._left_out = tuple(left_out)
        self._pasted_text = pasted
        self._offer = request.offer if request else None
        self._trouble = ""

    def compose(self) -> ComposeResult:
        methods = [PickOption(id=name, label=name) for name in self._methods()]
        switch = [PickOption(id="no", label="stop at them"), PickOption(id="yes", label="follow")]
        hint = app_of(self).view.lens.plain("ctrl+r asks for the price · nothing is paid before you allow it")
        with Pane(title="Request", hint=hint, id="request"):
            with Horizontal(classes="field"):
                yield Label("URL")
                yield UrlBox(placeholder="https://…  or paste a curl command", id="request-url", compact=True)
            with Horizontal(classes="field"):
                yield Label("method")
                yield Pick(methods, "GET", id="request-method")
            with Horizontal(classes="field"):
                yield Label("headers")
                yield PlainArea(id="request-headers", show_line_numbers=False, tab_behavior="focus", compact=True)
            with Horizontal(classes="field"):
                yield Label("body")
                yield PlainArea(id="request-body", show_line_numbers=False, tab_behavior="focus", compact=True)
            with Horizontal(classes="field"):
                yield Label("at most")
                yield Input(placeholder="no limit but your policy's: 0.05", id="request-max", compact=True)
            with Horizontal(classes="field"):
                yield Label("redirects")
                yield Pick(switch, "no", id="request-redirects")
            yield Static("", id="request-note", markup=False)
            with Horizontal(id="choices"):
                yield Button("esc Cancel", id="cancel", compact=True)
                yield Button("ctrl+r Ask for the price", id="send", compact=True, classes="-armed")

    def _methods(self) -> tuple[str, ...]:
        own = inert(self._begin_with.method, limit=32) if self._begin_with else "GET"
        return METHODS if own in METHODS else (*METHODS, own)

    def on_mount(self) -> None:
        if self._begin_with is not None:
            self._fill(self._begin_with)
        if self._pasted_text is not None:
            self._take_apart(self._pasted_text)
        self._draw_note()

    def _fill(self, request: PayRequest) -> None:
        self._offer = request.offer
        self.query_one("#request-url", Input).value = one_line(request.url)
        if request.method in self._methods():
            self.query_one("#request-method", Pick).choose(request.method)
        # A line break within a field would make two of it.
        headers = "\n".join(f"{name}: {value}".replace("\r", " ").replace("\n", " ") for name, value in request.headers)
        self.query_one("#request-headers", TextArea).load_text(headers)
        self.query_one("#request-body", TextArea).load_text(request.body.decode("utf-8", "replace"))
        self.query_one("#request-max", Input).value = request.max_amount or ""
        self.query_one("#request-redirects", Pick).choose("yes" if request.follow_redirects else "no")

    # What is typed

    @on(UrlBox.Pasted)
    def _pasted(self, event: UrlBox.Pasted) -> None:
        self._take_apart(event.text)

    @on(Input.Changed, "#request-url")
    def _typed_url(self, event: Input.Changed) -> None:
        self._trouble = ""
        self._draw_note()

    @on(TextArea.Changed)
    @on(Input.Changed, "#request-max")
    @on(Pick.Changed)
    def _typed(self) -> None:
        self._trouble = ""
        self._draw_note()

    def _take_apart(self, text: str) -> bool:
        from mpp_console.services.pasted_requests import take_apart

        try:
            taken = take_apart(text)
        except MppError as error:
            self._say(str(error))
            return False
        self._left_out = taken.left_out
        self._fill(taken.request)
        self._draw_note()
        return True

    def _say(self, trouble: str) -> None:
        self._trouble = trouble
        self._draw_note()

    def _draw_note(self) -> None:
        plain = app_of(self).view.lens.plain
        lines = []
        if self._trouble:
            lines.append(Content.styled(plain(f"✗ {inert(self._trouble, limit=400)}"), BAD))
        if self._left_out:
            missing = ", ".join(self._left_out)
            lines.append(Content.styled(plain(f"! not taken over: {inert(missing, limit=300)}"), WARN))
        if hint := self._body_hint():
            lines.append(hint)
        if not lines:
            lines.append(Content.styled("headers one per line, as Name: value", MUTED))
        self.query_one("#request-note", Static).update(Content("\n").join(lines))

    def _body_hint(self) -> Content | None:
        """Whether the body is JSON: a hint, never an objection."""
        text = self.query_one("#request-body", TextArea).text
        plain = app_of(self).view.lens.plain
        if text.lstrip()[:1] not in ("{", "[") or len(text) > _HINTED:
            return None
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            return Content.styled(plain(f"! the body is no JSON yet: {error.msg}, {where}"), WARN)
        except RecursionError:
            return None
        return Content.styled(plain("✓ the body is JSON"), GOOD)

    # What it asks for

    def wanted(self) -> PayRequest:
        """The request as it stands. Raises MppError for what cannot be."""
        from mpp_console.services.errors import UsageError
        from mpp_console.services.requests import checked_request

        url = self.query_one("#request-url", Input).value.strip()
        if not url:
            raise UsageError("a URL is needed")
        body = self.query_one("#request-body", TextArea).text
        headers = self._headers()
        if body and not any(name.lower() == "content-type" for name, _ in headers):
            headers = (*headers, ("Content-Type", _form_of(body)))
        return checked_request(
            PayRequest(
                url=url,
                method=self.query_one("#request-method", Pick).value,
                headers=headers,
                body=body.encode("utf-8", "surrogatepass"),
                max_amount=self.query_one("#request-max", Input).value.strip() or None,
                offer=self._offer,
                follow_redirects=self.query_one("#request-redirects", Pick).value == "yes",
            )
        )

    def _headers(self) -> tuple[tuple[str, str], ...]:
        from mpp_console.services.errors import UsageError

        headers = []
        for number, line in enumerate(self.query_one("#request-headers", TextArea).text.splitlines(), 1):
            name, colon, value = line.partition(":")
            if not line.strip():
                continue
            if not colon or not name.strip():
                raise UsageError(f"header line {number} is not Name: value")
            headers.append((name.strip(), value.strip()))
        return tuple(headers)

    def do_request_send(self) -> None:
        from mpp_console.services.pasted_requests import is_command

        typed = self.query_one("#request-url", Input).value
        if is_command(typed):
            # What a command comes to is looked at before it is sent.
            self._take_apart(typed)
            return
        try:
            request = self.wanted()
        except MppError as error:
            self._say(f"{error.message}. {error.hint}" if error.hint else error.message)
            return
        self.dismiss(None)
        self.app.call_later(self._send, request)

    async def _send(self, request: PayRequest) -> None:
        app = app_of(self)
        await app.attempt(app.pay(request, opened_by="ctrl+r"))

    def do_request_close(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    @on(Button.Pressed, "#send")
    async def _go(self) -> None:
        await app_of(self).action_do("request.send")

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)


def _form_of(body: str) -> str:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return "text/plain; charset=utf-8"
    return "application/json"
