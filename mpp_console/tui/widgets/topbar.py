"""The two lines on top of every screen: which world this is, whose money, the server; and the modes."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widget import Widget

from mpp_console.protocol import inert
from mpp_console.tui.actions import action
from mpp_console.tui.display import BAD, MUTED, WARN, Lens
from mpp_console.tui.masking import masked
from mpp_console.tui.view import View, app_of
from mpp_console.tui.widgets.keybar import link, run_clicked

__all__ = ["MODES", "TopBar"]

_ROOMY = 160
"""Columns from which on there is room for what is only good to know."""

MODES = ("wallet", "sessions", "receipts", "inspect", "server")
"""The modes there are, in the order of their keys."""


class TopBar(Widget):
    """Draws the view; keeps the badge whatever the width. `crumb` names the current mode."""

    DEFAULT_CSS = """
    TopBar {
        height: 2;
        dock: top;
        background: $background;
        &.-mainnet { background: $warning 12%; }
    }
    """
    ALLOW_SELECT = False

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode
        self._view: View | None = None
        self._drawn = Content("")

    def on_mount(self) -> None:
        self.watch(self.app, "view", self._look)
        self.watch(self.screen, "trail", self._walked, init=False)

    def _look(self, view: View) -> None:
        self._view = view
        kind = view.state.profile.kind if view.state else ("mainnet" if view.profile_name == "mainnet" else "")
        self.set_class(kind == "mainnet", "-mainnet")
        if not self._content().is_same(self._drawn):
            self.refresh()

    def _walked(self, _trail: tuple[str, ...]) -> None:
        self.refresh()

    async def on_click(self, event: events.Click) -> None:
        await run_clicked(self, event)

    def render(self) -> Content:
        self._drawn = self._content()
        return self._drawn

    def _content(self) -> Content:
        view = self._view or app_of(self).view
        width = self.size.width
        top = _spread(self._facts(view), [self._server(view)], width)
        modes, trail = self._modes(view), self._trail(view)
        room = width - modes.cell_length - (trail.cell_length + 2 if trail.cell_length else 0) - 4
        return Content("\n").join([top, _spread([modes], [self._crumbs(view, room), trail], width)])

    def _crumbs(self, view: View, room: int) -> Content:
        """Where one is: `Receipts › api.example.com › 0x8f3c…21`, as much of its end as there is room for."""
        trail = [masked(step, view.lens) for step in getattr(self.screen, "trail", ())]
        steps = [action(f"mode.{self._mode}").label, *trail]
        between = view.lens.plain(" › ")
        while len(steps) > 1 and cell_len(between.join(steps)) > room:
            steps.pop(0)
        if len(steps) == 1 and (not getattr(self.screen, "trail", ()) or cell_len(steps[0]) > room):
            return Content("")
        last = view.lens.plain(steps[-1])
        return Content.assemble(*((f"{view.lens.plain(step)}{between}", MUTED) for step in steps[:-1]), last)

    def _facts(self, view: View) -> list[Content]:
        """Most important first: what does not fit is left out from the end."""
        lens, state = view.lens, view.state
        parts = [Content.styled("mpp console", "bold"), _badge(view)]
        if view.failure:
            parts.append(Content.styled(f"{lens.plain('✗')} {inert(view.failure.message, limit=60)}", BAD))
        elif state is None or (state.account is None and not state.started):
            # Until it has started nobody knows whether there is an account.
            parts.append(Content.styled("opening…", MUTED))
        elif state.account is None:
            parts.append(Content.styled("no account", WARN))
        else:
            name = inert(state.account.name, limit=20)
            parts.append(Content.assemble(name, " ", (lens.address(state.account.address), MUTED)))
            if state.balances and state.balances[0].available is not None:
                balance = state.balances[0]
                parts.append(Content(lens.money(balance.available, balance.currency)))
        if state is not None and self.size.width >= _ROOMY:
            parts.append(
                Content.styled(inert(f"{state.profile.label}, chain {state.profile.chain_id}", limit=60), MUTED)
            )
            if state.spent_today:
                parts.append(Content.assemble((lens.plain("spent today "), MUTED), lens.sum(state.spent_today)))
        return parts

    def _server(self, view: View) -> Content:
        if view.state is None:
            return Content("")
        return view.lens.server(view.state.server).content

    def _trail(self, view: View) -> Content:
        """What needs attention, at the right of the modes."""
        state, lens = view.state, view.lens
        if view.dropped:
            return Content.styled(f"! {view.dropped} events skipped, history is complete", WARN)
        if state and state.unresolved:
            noun = "payment" if state.unresolved == 1 else "payments"
            return Content.styled(f"! {state.unresolved} {noun} unresolved", WARN)
        if state and state.in_flight:
            return Content.styled(f"{lens.plain('◐')} {state.in_flight} in flight", "$primary")
        if self.size.width < 120 and self._has_trail():
            return Content("")
        return Content.styled(f"{view.keymap.text(action('palette'), first=True)} commands", link("palette", MUTED))

    def _has_trail(self) -> bool:
        return bool(getattr(self.screen, "trail", ()))

    def _modes(self, view: View) -> Content:
        parts: list[Content] = []
        for mode in MODES:
            entry = action(f"mode.{mode}")
            tone = "bold $primary on $primary 16%" if mode == self._mode else MUTED
            label = f" {view.keymap.text(entry, first=True)} {entry.label} "
            parts.append(Content.styled(label, link(entry.id, tone)))
        return Content(" ").join(parts)


def _badge(view: View) -> Content:
    if view.state:
        return Lens.badge(view.state.profile)
    ground = "$warning" if view.profile_name == "mainnet" else "$text-muted"
    return Content.styled(f" {inert(view.profile_name, limit=16).upper()} ", f"bold $background on {ground}")


def _spread(left: list[Content], right: list[Content], width: int) -> Content:
    """One line: `left` from its start as far as there is room, `right` at the end."""
    ending = Content("  ").join([part for part in right if part.cell_length])
    room = width - 2
    shown: list[Content] = []
    for part in left:
        used = sum(item.cell_length + 3 for item in shown) + part.cell_length
        # The first two are the name and the badge, which must be seen even where nothing else is.
        if len(shown) >= 2 and used > room - ending.cell_length - 2:
            break
        shown.append(part)
    line = Content("   ").join(shown)
    gap = room - line.cell_length - ending.cell_length
    if gap < 2:
        return Content.assemble(" ", line)
    return Content.assemble(" ", line, " " * gap, ending, " ")
