"""What changes how the console looks, and what opens above it without money having to do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual.command import CommandPalette
from textual.constants import TEXTUAL_ANIMATIONS
from textual.widget import Widget

from mpp_console.tui.habits import Habits, is_remote
from mpp_console.tui.keymaps import keymap_of
from mpp_console.tui.switching import Switching
from mpp_console.tui.view import Unavailable, begin

if TYPE_CHECKING:
    from mpp_console.services.settings_edit import Value

__all__ = ["Looking"]


class Looking(Switching):
    """Handlers of the actions that show something or change its looks."""

    habits: Habits

    _theme_before = ""

    def do_privacy(self) -> None:
        self.view = replace(self.view, lens=replace(self.view.lens, privacy=not self.view.lens.privacy))

    def do_time(self) -> None:
        lens = self.view.lens
        self.view = replace(self.view, lens=replace(lens, relative=not lens.relative))

    async def do_log(self) -> None:
        from mpp_console.tui.screens.log import LogDialog

        if not isinstance(self.screen, LogDialog):
            await self.push_screen(LogDialog())

    async def do_help(self) -> None:
        from mpp_console.tui.screens.dialogs import HelpDialog

        await self.push_screen(HelpDialog())

    async def do_help_panel(self) -> None:
        from mpp_console.tui.widgets.helppanel import toggle_help_panel

        await toggle_help_panel(self.screen)

    async def do_jump(self) -> None:
        from mpp_console.tui.screens.jump import JumpOverlay, targets_of

        if isinstance(self.screen, JumpOverlay):
            return
        targets = targets_of(self.screen)
        if not targets:
            raise Unavailable("Nothing here can be jumped to.")
        await self.push_screen(JumpOverlay(targets), self._jumped)

    def _jumped(self, target: Widget | None) -> None:
        if target is not None and target.is_attached:
            target.focus()

    def do_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="an action, a receipt, a URL", id="--command-palette"))

    # Themes

    def do_theme(self) -> None:
        from mpp_console.tui.palette import ThemeProvider

        self._theme_before = self.theme
        self.push_screen(CommandPalette(providers=[ThemeProvider], placeholder="a theme; it is shown as you choose"))

    def on_command_palette_option_highlighted(self, event: CommandPalette.OptionHighlighted) -> None:
        """Shows a theme while it is being looked at."""
        hit = getattr(event.highlighted_event.option, "hit", None)
        command = getattr(hit, "command", None)
        if self._theme_before and isinstance(command, partial) and command.func == self.choose_theme:
            self.theme = command.args[0]

    def on_command_palette_closed(self, event: CommandPalette.Closed) -> None:
        if self._theme_before and not event.option_selected:
            self.theme = self._theme_before
        self._theme_before = ""

    def choose_theme(self, name: str) -> None:
        """This theme from now on, also after the next start."""
        self.theme = name
        self.habits.chose_theme(name)
        begin(self, self.save_window, group="window", what="remembering the theme", exclusive=True)

    async def save_window(self) -> None:
        await asyncio.to_thread(self.habits.save_window)

    # Settings

    async def do_settings(self) -> None:
        from mpp_console.tui.screens.settings import SettingsDialog

        if not isinstance(self.screen, SettingsDialog):
            await self.push_screen(SettingsDialog())

    def take_settings(self) -> None:
        """Puts the settings in force: keys, movement, how time is shown. Raises KeyMistake when keys do not hold."""
        settings = self.habits.settings
        self.habits.keymap = keymap_of(settings)
        self.set_keymap(self.habits.keymap.bindings)
        quiet = settings.animation == "none" or is_remote()
        self.animation_level = "none" if quiet else TEXTUAL_ANIMATIONS
        lens = replace(self.view.lens, relative=settings.time == "relative")
        self.view = replace(self.view, lens=lens, keymap=self.habits.keymap)

    async def save_settings(self, changes: Mapping[str, Value]) -> None:
        """Writes changed settings to the person's file. Raises MppError when that cannot be done."""
        if self.habits.settings_path is None:
            raise Unavailable("These settings are for now only: there is no file to keep them in.")
        from mpp_console.services.settings_edit import save_console

        await asyncio.to_thread(save_console, self.habits.settings_path, changes)
        self.log_entries.add(self.clock(), "action", f"settings: {', '.join(changes)}", "mpp-console config show")
        self.say(f"Saved: {', '.join(changes)}")

    # Pictures

    def do_screenshot(self) -> None:
        """What is on the screen, masked as it is there."""
        begin(
            self,
            partial(self._save_picture, self.export_screenshot(title="mpp console")),
            group="picture",
            what="screenshot",
        )

    async def _save_picture(self, svg: str) -> None:
        from mpp_console.services.pictures import picture_folder, save_picture

        path = await asyncio.to_thread(save_picture, picture_folder(), svg, self.clock())
        self.log_entries.add(self.clock(), "info", f"screenshot: {path}")
        self.say(f"Screenshot: {path}")

    # Panes

    def do_maximize(self) -> None:
        from mpp_console.tui.widgets.pane import Pane

        focused = self.screen.focused
        pane = next((node for node in focused.ancestors_with_self if isinstance(node, Pane)), None) if focused else None
        if pane is None:
            raise Unavailable("No pane is focused.")
        if self.screen.maximized is not None:
            self.screen.minimize()
        else:
            self.screen.maximize(pane, container=False)

    def do_focus_next(self) -> None:
        self.screen.focus_next()

    def do_focus_previous(self) -> None:
        self.screen.focus_previous()
