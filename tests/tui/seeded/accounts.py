"""The seeded accounts."""

from __future__ import annotations

from mpp_console.services.models import AccountView
from tests.tui.seeds import accounts


class SeededAccounts:
    def __init__(self) -> None:
        self.all: tuple[AccountView, ...] = accounts()

    async def list(self) -> tuple[AccountView, ...]:
        return self.all
