"""The settings of the console, each shown at once as it is changed; enter writes them to the person's file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from mpp_console.protocol import inert
from mpp_console.services.settings_edit import Value
from mpp_console.tui.actions import ACTIONS, Scope, bindings
from mpp_console.tui.display import MUTED
from mpp_console.tui.habits import theme_names
from mpp_console.tui.keymaps import PRESETS, KeyMistake
from mpp_console.tui.screens.overlay import Overlay
from mpp_console.tui.view import View, app_of, begin
from mpp_console.tui.widgets.facts import GAP_FACT, Fact, Facts
from mpp_console.tui.widgets.pane import Pane

__all__ = ["SettingRow", "SettingsDialog"]

_LABEL = 15
_META = "value"


@dataclass(frozen=True, slots=True)
class Field:
    """A setting of `[console]`: its name in the file, what it is called here, and what it can be."""

    name: str
    label: str
    values: tuple[str, ...]
    note: str


def _fields() -> tuple[Field, ...]:
    return (
        Field("theme", "theme", theme_names(), "shown as you choose"),
        Field("keymap", "keys", tuple(PRESETS), "the preset; keys of your own go before it"),
        Field("animation", "movement", ("full", "none"), "new rows light up; never over SSH"),
        Field("time", "time in lists", ("relative", "absolute"), "3 min, or 12:04:11"),
        Field("privacy", "privacy", ("off", "on"), "begin with amounts and addresses masked"),
    )


class SettingRow(Widget, can_focus=True):
    """One setting: few values stand beside one another, of many only the chosen one. Left and right change it."""

    DEFAULT_CSS = """
    SettingRow { height: 1; width: 1fr; &:focus { background: $block-cursor-background; } }
    """
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "step(1)", show=False),
        Binding("left", "step(-1)", show=False),
        Binding("down,j", "app.focus_next", show=False),
        Binding("up,k", "app.focus_previous", show=False),
    ]

    class Changed(Message):
        """Another value was chosen."""

        def __init__(self, row: SettingRow) -> None:
            super().__init__()
            self.row = row

    def __init__(self, field: Field, value: str) -> None:
        super().__init__(id=f"setting-{field.name}")
        self.field = field
        self.value = value

    def action_step(self, by: int) -> None:
        values = self.field.values
        place = values.index(self.value) if self.value in values else 0
        self.choose(values[(place + by) % len(values)])

    def choose(self, value: str) -> None:
        if value != self.value:
            self.value = value
            self.refresh()
            self.post_message(self.Changed(self))

    def on_click(self, event: events.Click) -> None:
        chosen = event.style.meta.get(_META)
        if chosen in self.field.values:
            self.choose(chosen)

    def render(self) -> Content:
        line = Content.assemble((f" {self.field.label:<{_LABEL}}", "bold" if self.has_focus else MUTED), self._values())
        note = Content.styled(self.field.note, MUTED)
        room = self.size.width - line.cell_length - 1
        return Content.assemble(line, " " * (room - note.cell_length), note) if note.cell_length + 3 <= room else line

    def _values(self) -> Content:
        plain = app_of(self).view.lens.plain
        values = self.field.values
        if len(values) > 4:
            place = values.index(self.value) if self.value in values else 0
            before, after = values[place - 1], values[(place + 1) % len(values)]
            return Content.assemble(
                (plain("‹ "), Style.parse("$primary") + Style.from_meta({_META: before})),
                (self.value, "bold $primary"),
                (plain(" ›"), Style.parse("$primary") + Style.from_meta({_META: after})),
                (f"  {place + 1} of {len(values)}", MUTED),
            )
        parts = []
        for value in values:
            chosen = value == self.value
            style = Style.parse("bold $primary" if chosen else MUTED) + Style.from_meta({_META: value})
            parts.append(Content.styled(plain(f"{'●' if chosen else '○'} {value}"), style))
        return Content("   ").join(parts)


class SettingsDialog(Overlay[None]):
    """Gives nothing: what was changed is in force, and in the file once enter was pressed. esc takes it all back."""

    KEYS = (("enter", "Save"), ("← →", "Change"), ("↑ ↓", "Move"))
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.DIALOG),
        Binding("enter", "save", show=False),
    ]
    AUTO_FOCUS = "#setting-theme"

    def __init__(self) -> None:
        super().__init__()
        self._changes: dict[str, Value] = {}

    def compose(self) -> ComposeResult:
        app = app_of(self)
        self._theme_before = app.theme
        self._settings_before = app.habits.settings
        self._view_before = app.view
        with Pane(title="Settings", hint="←→ change · enter saves · esc leaves all as it was", id="settings"):
            for field in _fields():
                yield SettingRow(field, self._value_of(field))
            with VerticalScroll(id="settings-facts", can_focus=False):
                yield Facts(id="settings-about")

    def _value_of(self, field: Field) -> str:
        if field.name == "theme":
            return app_of(self).theme
        return _told(getattr(self._settings_before, field.name))

    def on_mount(self) -> None:
        self.watch(self.app, "view", self._look)

    def _look(self, view: View) -> None:
        pane = self.query_one("#settings", Pane)
        pane.frame(hint=Content(view.lens.plain("← → change · enter saves · esc leaves all as it was")))
        self.query_one("#settings-about", Facts).show(self._about(view))

    def _about(self, view: View) -> Sequence[Fact]:
        habits, state, lens = app_of(self).habits, view.state, view.lens
        facts = [GAP_FACT]
        if state is not None:
            profile = state.profile
            facts += [
                Fact("profile", f"{inert(profile.name)}: {inert(profile.label)}, chain {profile.chain_id}"),
                Fact("node", inert(profile.rpc_url or "its own")),
                Fact("account", _account_text(view)),
            ]
            facts.append(GAP_FACT)
        own = habits.settings.keys
        if own:
            labels = {entry.id: entry for entry in ACTIONS}
            said = ", ".join(f"{view.keymap.text(labels[name]) or 'none'} {labels[name].label}" for name in own)
            facts.append(Fact("own keys", lens.plain(inert(said, limit=300))))
        else:
            facts.append(Fact("own keys", "none; write them under [console.keys]"))
        path = habits.settings_path
        facts.append(Fact("file", inert(str(path)) if path else "none: changes last until you leave"))
        return facts

    def on_setting_row_changed(self, event: SettingRow.Changed) -> None:
        """In force at once, so that somebody sees what they choose."""
        app, name, value = app_of(self), event.row.field.name, event.row.value
        self._changes[name] = value == "on" if name == "privacy" else value
        if name == "theme":
            app.theme = value
            return
        app.habits.change(**{name: self._changes[name]})
        try:
            app.take_settings()
        except KeyMistake as mistake:
            app.say(f"These keys do not go together with your own: {mistake.what}. {mistake.hint}", error=True)
            app.habits.change(**{name: getattr(self._settings_before, name)})
            app.take_settings()
            self._changes.pop(name, None)
            event.row.choose(self._value_of(event.row.field))

    def action_save(self) -> None:
        app = app_of(self)
        before = {field.name: self._value_of(field) for field in _fields() if field.name != "theme"}
        before["theme"] = self._theme_before
        told = {
            name: ("off", "on")[value] if isinstance(value, bool) else value for name, value in self._changes.items()
        }
        changes = {name: self._changes[name] for name, value in told.items() if value != before[name]}
        if "theme" in changes:
            app.habits.change(theme=changes["theme"])
            app.habits.chose_theme(str(changes["theme"]))
        if changes:
            begin(app, lambda: app.save_settings(changes), group="settings", what="saving the settings")
        self.dismiss(None)

    def do_dialog_close(self) -> None:
        app = app_of(self)
        app.habits.settings = self._settings_before
        app.take_settings()
        app.theme = self._theme_before
        self.dismiss(None)


def _told(value: object) -> str:
    return ("off", "on")[value] if isinstance(value, bool) else str(value)


def _account_text(view: View) -> str:
    account = view.state.account if view.state else None
    if account is None:
        return "none"
    return f"{inert(account.name, limit=40)}  {view.lens.address(account.address, whole=True)}"
