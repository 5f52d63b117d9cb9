"""The seeded accounts."""

from __future__ import annotations

from datetime import timedelta

from mpp_console.services.models import (
    AccountView,
)
from tests.tui.seeds import (
    NOW,
    PAYEE,
    PAYER,
)


class SeededAccounts:
    def __init__(self) -> None:
        self.all: tuple[AccountView, ...] = (
            AccountView(
                name="main", address=PAYER, kind="sandbox", is_default=True, created_at=NOW - timedelta(days=9)
            ),
            AccountView(
                name="merchant", address=PAYEE, kind="watch", is_default=False, created_at=NOW - timedelta(days=3)
            ),
        )

    async def list(self) -> tuple[AccountView, ...]:
        return self.all
