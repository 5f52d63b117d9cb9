"""Exports receipts: which, in what format, to what file; then how far it is, and where the file lies."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Button, Input, Static

from mpp_console.protocol import MppError, inert
from mpp_console.services.models import ExportDone, ExportFormat, ExportProgress, ReceiptFilter
from mpp_console.tui.actions import Scope, bindings
from mpp_console.tui.display import BAD, GOOD, INFO, MUTED, WARN, Lens
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.view import app_of, begin, console_of
from mpp_console.tui.widgets.facts import Fact, Facts
from mpp_console.tui.widgets.pane import Pane
from mpp_console.tui.widgets.pick import Pick, PickOption
from mpp_console.tui.widgets.receipt_stats import meter

if TYPE_CHECKING:
    from mpp_console.services.receipts import ExportTask

__all__ = ["ExportDialog", "ExportScope", "size_text"]

_FORMATS: tuple[tuple[ExportFormat, str, str], ...] = (
    ("csv", "CSV", "for spreadsheets"),
    ("json", "JSON", "one array"),
    ("jsonl", "JSON Lines", "one receipt a line"),
    ("md", "Markdown", "a table to read"),
)
_LOOK_AGAIN = 0.1
_TELLING_SECONDS = 1.0
"""After so long the time that is left can be told."""

_FORM_HINT = "enter exports · arrows choose · esc closes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportScope:
    """Some receipts: a filter, or ids. `words` are the command's for the same; None when no command says it.

    `count` is how many there are, as far as is known; with a `reason` there are none.
    """

    id: str
    label: str
    what: ReceiptFilter | tuple[str, ...]
    count: int | None = None
    words: tuple[str, ...] | None = None
    reason: str = ""


class ExportDialog(Overlay[None]):
    """The form, then the export itself. Closing it while it writes cancels it, and leaves nothing behind."""

    KEYS = (("enter", "Export"), ("← →", "Choose"), ("tab", "Next field"))
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.DIALOG)]
    AUTO_FOCUS = "#export-format"

    def __init__(self, scopes: Sequence[ExportScope], at: str) -> None:
        super().__init__()
        self._scopes = {scope.id: scope for scope in scopes}
        self._at = at
        self._export: ExportTask | None = None
        self._done: ExportDone | None = None
        self._began = 0.0

    def compose(self) -> ComposeResult:
        scopes = [
            PickOption(
                id=scope.id,
                label=scope.label,
                note="none" if scope.reason else "" if scope.count is None else f"{scope.count:,}".replace(",", " "),
                reason=scope.reason,
            )
            for scope in self._scopes.values()
        ]
        formats = [PickOption(id=name, label=label) for name, label, _ in _FORMATS]
        with Pane(title="Export receipts", hint=_FORM_HINT, id="export"):
            with Vertical(id="export-form"):
                with Horizontal(classes="export-row"):
                    yield Static("which", classes="export-label")
                    yield Pick(scopes, self._at, id="export-scope")
                with Horizontal(classes="export-row"):
                    yield Static("format", classes="export-label")
                    yield Pick(formats, "csv", id="export-format")
                with Horizontal(classes="export-row"):
                    yield Static("file", classes="export-label")
                    yield Input(self._free_name("csv"), id="export-path", compact=True)
                yield Facts(id="export-notes")
                with Horizontal(classes="export-buttons"):
                    yield Button("Export", id="export-start", compact=True, classes="-armed")
                    yield Button("Cancel", id="export-close", compact=True)
            with Vertical(id="export-run"):
                yield Facts(id="export-progress")
                with Horizontal(classes="export-buttons"):
                    yield Button("Copy path", id="export-copy", compact=True)
                    yield Button("Cancel", id="export-stop", compact=True)

    def on_mount(self) -> None:
        self.query_one("#export-run").display = False
        self._note()

    def on_unmount(self) -> None:
        if self._export is not None and self._done is None:
            self._export.cancel()

    # The form

    @property
    def _scope(self) -> ExportScope:
        return self._scopes[self.query_one("#export-scope", Pick).value]

    @property
    def _format(self) -> ExportFormat:
        return cast("ExportFormat", self.query_one("#export-format", Pick).value)

    @property
    def _path(self) -> str:
        return self.query_one("#export-path", Input).value.strip()

    def _target(self) -> Path:
        return Path(self._path).expanduser().absolute()

    def _free_name(self, fmt: str) -> str:
        """A name in the home folder that is not taken."""
        day = app_of(self).clock().astimezone()
        stem = f"~/receipts-{day:%Y-%m-%d}"
        for number in range(1, 1000):
            name = f"{stem}{'' if number == 1 else f'-{number}'}.{fmt}"
            if not Path(name).expanduser().exists():
                return name
        return f"{stem}-{day:%H%M%S}.{fmt}"

    @on(Pick.Changed, "#export-format")
    def _reformat(self, event: Pick.Changed) -> None:
        box = self.query_one("#export-path", Input)
        path = Path(self._path)
        if path.suffix.removeprefix(".") in {name for name, _, _ in _FORMATS}:
            name = str(path.with_suffix(f".{event.value}"))
            box.value = self._free_name(event.value) if self._path.startswith("~/receipts-") else name
        self._note()

    @on(Pick.Changed, "#export-scope")
    @on(Input.Changed, "#export-path")
    def _changed(self) -> None:
        self._note()

    def _note(self, error: MppError | None = None) -> None:
        lens = app_of(self).view.lens
        said = next(note for name, _, note in _FORMATS if name == self._format)
        facts = [
            Fact("", Content.styled(lens.plain(f"{said} · a new file that only you can read · no secrets"), MUTED))
        ]
        if lens.privacy:
            facts.append(Fact("", Content.styled("the privacy mask is for screens: the file says it all", WARN)))
        if command := self._command():
            facts.append(Fact("", Content.styled(command, MUTED)))
        if error is not None:
            text = f"✗ {error} {error.hint or ''}"
            facts.append(Fact("", Content.styled(lens.plain(inert(text.strip(), limit=400)), BAD)))
        self.query_one("#export-notes", Facts).show(facts)

    def _command(self) -> str:
        """The command that does the same; empty where there is none."""
        if self._scope.words is None:
            return ""
        from mpp_console.services.commands import command_line

        # A shell finds the home folder behind `~/` only where that is not quoted.
        home = "~/" if self._path.startswith("~/") else ""
        target = home + shlex.quote(self._path.removeprefix(home))
        line = command_line(app_of(self).view.called, "receipts", "export", "--format", self._format, "-o")
        return inert(" ".join((line, target, *map(shlex.quote, self._scope.words))))

    # The export

    @on(Input.Submitted)
    @on(Button.Pressed, "#export-start")
    def _start(self) -> None:
        begin(self, self._run, group="export", what="export", exclusive=True)

    def key_enter(self, event: Key) -> None:
        """On a choice as well, enter exports. It ends here: what has the focus by then is a button that cancels."""
        if isinstance(self.focused, Pick):
            event.stop()
            self._start()

    async def _run(self) -> None:
        if self._export is not None:
            return
        if not self._path:
            self._note(MppError("Name a file.", code="usage"))
            return
        self._began = app_of(self).monotonic()
        try:
            self._export = console_of(self).receipts.export_start(self._scope.what, self._format, self._target())
            self._show_run()
            self._done = await self._export.result()
        except (MppError, RuntimeError) as error:
            # RuntimeError: `~somebody` without a home.
            self._back_to_form(error if isinstance(error, MppError) else MppError(str(error), code="usage"))
            return
        self._show_end(self._done)

    def _back_to_form(self, error: MppError) -> None:
        self._export = None
        app_of(self).log_entries.add(app_of(self).clock(), "error", inert(f"export: {error}"))
        self.query_one("#export-form").display = True
        self.query_one("#export-run").display = False
        self.query_one("#export-path", Input).focus()
        self.query_one("#export", Pane).frame(hint=Content(_FORM_HINT))
        self._note(error)

    def _show_run(self) -> None:
        self.query_one("#export-form").display = False
        self.query_one("#export-run").display = True
        self.query_one("#export-copy").display = False
        self.query_one("#export-stop", Button).focus()
        self.query_one("#export", Pane).frame(hint=Content("esc cancels it; nothing stays behind"))
        self._draw_progress()
        self.set_interval(_LOOK_AGAIN, self._draw_progress)

    def _draw_progress(self) -> None:
        if self._export is None or self._done is not None:
            return
        box = self.query_one("#export-progress", Facts)
        width = max(min(box.size.width - 12, 60), 10)
        lens = app_of(self).view.lens
        took = app_of(self).monotonic() - self._began
        box.show(_progress_facts(self._export.progress(), self._shown_path(), took, lens, width))

    def _show_end(self, done: ExportDone) -> None:
        app = app_of(self)
        box = self.query_one("#export-progress", Facts)
        self.query_one("#export", Pane).frame(hint=Content("esc closes"))
        stop = self.query_one("#export-stop", Button)
        stop.label = "Close"
        stop.focus()
        self.query_one("#export-copy").display = not done.cancelled
        took = app.monotonic() - self._began
        box.show(_end_facts(done, self._shown_path(), took, app.view.lens))
        if not done.cancelled:
            app.log_entries.add(app.clock(), "action", f"exported {_receipts(done.rows)}", self._command())

    def _shown_path(self) -> str:
        return inert(self._path, limit=400)

    @on(Button.Pressed, "#export-copy")
    def _copy(self) -> None:
        if self._done is not None:
            app_of(self).copy_text(str(self._done.path), "the path")

    @on(Button.Pressed, "#export-close")
    @on(Button.Pressed, "#export-stop")
    def do_dialog_close(self) -> None:
        if self._export is not None and self._done is None:
            self._export.cancel()
        else:
            self.dismiss(None)


def _progress_facts(progress: ExportProgress, path: str, took: float, lens: Lens, width: int) -> list[Fact]:
    share = min(progress.rows / progress.total, 1.0) if progress.total else None
    total = "" if progress.total is None else f" of {progress.total:,}"
    written = f"{progress.rows:,}{total} receipts".replace(",", " ") + f" · {size_text(progress.bytes)}"
    if share and took >= _TELLING_SECONDS:
        written += f" · about {max(took / share - took, 1):.0f} s left"
    line = Content.styled("counting…", MUTED) if share is None else Content.styled(meter(share, width, lens), INFO)
    percent = "" if share is None else f" {share:4.0%}"
    return [Fact("writing", path), Fact("", Content.assemble(line, percent)), Fact("", lens.plain(written))]


def _end_facts(done: ExportDone, path: str, took: float, lens: Lens) -> list[Fact]:
    if done.cancelled:
        return [
            Fact("", Content.styled(lens.plain("○ cancelled"), WARN)),
            Fact("", Content.styled("Nothing was left behind.", MUTED)),
        ]
    pace = f" · {took:.1f} s" if took >= 0.1 else ""
    said = f"✓ {_receipts(done.rows)} · {size_text(done.bytes)}{pace}"
    facts = [Fact("exported", Content.styled(lens.plain(said), GOOD)), Fact("file", path)]
    if done.skipped:
        facts.append(Fact("", Content.styled(lens.plain(f"! {done.skipped:,} rows could not be read"), WARN)))
    return facts


def size_text(size: int) -> str:
    """`512 B`, `88.1 MB`; powers of ten, as file managers count."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("unreachable")


def _receipts(count: int) -> str:
    return f"{count:,} receipt{'' if count == 1 else 's'}".replace(",", " ")
