"""What the chain says of a session: asked only when somebody looks, since it costs a request to the node."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from mpp_console.protocol import MppError, inert
from mpp_console.services.session_models import SessionChainView, SessionRow
from mpp_console.tui.display import BAD, INFO, MUTED, Lens
from mpp_console.tui.masking import masked
from mpp_console.tui.session_facts import chain_facts
from mpp_console.tui.view import app_of, begin, console_of
from mpp_console.tui.widgets.facts import Fact, Facts

__all__ = ["SessionChain"]


class SessionChain(VerticalScroll):
    """One channel as the chain has it. `want` names it; it is asked for when first seen, and on `ask`."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._row: SessionRow | None = None
        self._answer: SessionChainView | MppError | None = None
        self._asked = False

    def compose(self) -> ComposeResult:
        yield Facts(id="session-chain-facts")

    @property
    def explorer_url(self) -> str | None:
        """Where people look at it, once the chain has answered."""
        return self._answer.explorer_url if isinstance(self._answer, SessionChainView) else None

    def want(self, row: SessionRow, *, seen: bool) -> None:
        """Shows another channel; asks for it at once only if somebody is looking."""
        if self._row is None or row.id != self._row.id:
            self._answer, self._asked = None, False
        self._row = row
        if seen and not self._asked:
            self.ask()

    def ask(self) -> None:
        """Asks the network, again if need be."""
        if self._row is None:
            return
        self._asked, self._answer = True, None
        self.look(app_of(self).view.lens)
        # A newer question ends an older one: moving through the list leaves no queue of requests behind.
        begin(self, partial(self._ask, self._row.id), group="chain", what="the channel on the chain", exclusive=True)

    async def _ask(self, name: str) -> None:
        answer: SessionChainView | MppError
        try:
            answer = await console_of(self).sessions.chain(name)
        except MppError as error:
            # Drawn where it was asked for, so no toast; the log keeps it.
            answer = error
            app_of(self).log_entries.add(app_of(self).clock(), "error", inert(f"channel: {error}"))
        if self._row is not None and name == self._row.id:
            self._answer = answer
            self.look(app_of(self).view.lens)

    def look(self, lens: Lens) -> None:
        """Draws the answer, or that there is none yet."""
        self.query_one("#session-chain-facts", Facts).show(self._facts(lens))

    def _facts(self, lens: Lens) -> list[Fact]:
        match self._answer:
            case SessionChainView() as view if self._row is not None:
                return chain_facts(view, self._row, lens)
            case MppError() as error:
                facts = [Fact("failed", Content.styled(lens.plain(f"✗ {masked(inert(str(error)), lens)}"), BAD))]
                if error.hint:
                    facts.append(Fact("next", inert(error.hint)))
                return [*facts, Fact("", Content.styled("r asks again.", MUTED))]
            case _:
                return [Fact("", Content.styled(lens.plain("◐ asking the network for the channel…"), INFO))]
