"""`Console`: one profile, wired, with everything that a person does in it. The front ends' single way in.

Opening is cheap and touches no network; the parts start when first needed, or all at once with `start`. Nothing here
draws.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Self

from mpp_console.services.events import EventBus
from mpp_console.services.models import (
    BalanceView,
    ConsoleState,
    FundResult,
    PolicyView,
    ProfileView,
    ReceiveView,
)

if TYPE_CHECKING:
    from mpp_console.inspector import InspectReport
    from mpp_console.services.accounts import AccountsService
    from mpp_console.services.paths import Paths
    from mpp_console.services.payments import PaymentsService
    from mpp_console.services.receipts import ReceiptsService
    from mpp_console.services.server import ServerService
    from mpp_console.services.settings import Settings
    from mpp_console.services.transfers import TransfersService

__all__ = ["Console"]


class Console:
    """One opened profile.

    `events` tells what happens; `snapshot()` gives what the screens may draw at once. `accounts`, `payments`,
    `transfers`, `server` and `receipts` hold the calls of their concern. Every failure is an `MppError` that says what
    to do next.
    """

    profile: ProfileView
    events: EventBus
    settings: Settings
    paths: Paths
    accounts: AccountsService
    payments: PaymentsService
    transfers: TransfersService
    server: ServerService
    receipts: ReceiptsService

    @classmethod
    async def open(
        cls,
        profile: str = "sandbox",
        *,
        settings: Settings | None = None,
        paths: Paths | None = None,
        clock: Callable[[], datetime] | None = None,
        new_id: Callable[[], str] | None = None,
        random_bytes: Callable[[int], bytes] | None = None,
        passphrase: Callable[[str], str] | None = None,
        rpc_url: str | None = None,
        account: str | None = None,
    ) -> Self:
        """Opens a profile without starting anything: a few file reads.

        `settings` and `paths` default to the person's own (see `MPP_CONSOLE_HOME`). `passphrase` is asked, in a worker
        thread, with a prompt when a key file must be opened. `rpc_url` overrides the profile's node, `account` its
        default account. Raises SettingsError for a settings file that does not hold, UnknownProfile for a name that is
        neither built in nor set up.
        """
        raise NotImplementedError

    async def start(self) -> None:
        """Starts what the profile needs: history, accounts, and in the sandbox its node, with a funded account on
        first start.

        Then settles what an earlier run left unresolved, and reads the balances. Calling it twice is harmless.
        """
        raise NotImplementedError

    async def warm(self) -> None:
        """Loads the heavy libraries in a thread, so that the first payment does not pay for their import. Never blocks
        the loop.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Ends payments in flight as far as that is safe, stops servers, closes the history. Calling it twice is
        harmless.
        """
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def snapshot(self) -> ConsoleState:
        """What is known right now, from memory: never waits, cheap enough for every frame."""
        raise NotImplementedError

    async def balances(self, refresh: bool = True, *, account: str | None = None) -> tuple[BalanceView, ...]:
        """What the account (default: the default account) holds of each token of the network.

        A token that could not be asked has `available` None and the reason in `error`. `refresh=False` gives the
        cached values. Raises NoAccount when there is no account.
        """
        raise NotImplementedError

    async def fund(self, *, account: str | None = None) -> FundResult:
        """Asks the network's faucet for test money and waits for it. Raises NoFaucet, with the way to fund, on other
        networks.
        """
        raise NotImplementedError

    async def receive(self, *, account: str | None = None) -> ReceiveView:
        """How to pay this account. Raises NoAccount."""
        raise NotImplementedError

    async def inspect(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        follow_redirects: bool = False,
        patience: float = 30.0,
    ) -> InspectReport:
        """One unpaid request to `url`, every offer of its answer decoded. Nothing is signed or paid; no key is needed.

        Raises RequestFailed when no answer came.
        """
        raise NotImplementedError

    def policy(self) -> PolicyView:
        """The spending policy in force, for people."""
        raise NotImplementedError
