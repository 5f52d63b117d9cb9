"""The sandbox as a thing: what it holds, and how to start it afresh without pulling the ground from under another
process.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mpp_console.services.errors import TestUnavailable, UsageError
from mpp_console.wallet.files import FileTrouble, private_folder

if TYPE_CHECKING:
    from mpp_console.services.engine import Engine

__all__ = ["SandboxBusy", "SandboxLock", "SandboxService"]


class SandboxBusy(UsageError):
    """Another process has the sandbox open."""

    default_code = "sandbox-busy"


class SandboxLock:
    """Says that a process uses the sandbox: any number may, and starting afresh needs to be alone. Advisory, freed by
    the system when a process ends however it ends. Systems without `flock` go without.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def share(self) -> None:
        """Takes part in using the sandbox. Raises FileTrouble when its folder may not be written to."""
        self._take(exclusive=False)

    def own(self) -> None:
        """Has the sandbox alone. Raises SandboxBusy when another process uses it."""
        self._take(exclusive=True)

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take(self, *, exclusive: bool) -> None:
        if os.name != "posix" or self._file is not None:
            return
        import fcntl

        private_folder(self._path.parent)
        try:
            file = os.fdopen(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600), "rb+")
        except OSError as error:
            raise FileTrouble(
                f"cannot use {self._path}: {error.strerror}", hint="check who owns this folder and its permissions"
            ) from error
        kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise SandboxBusy(
                "another mpp-console has the sandbox open", hint="close it or stop its server, then try again"
            ) from error
        self._file = file


class SandboxService:
    """Looks at the sandbox and resets it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def status(self) -> Mapping[str, str]:
        """What the sandbox holds, as names and texts. Starts its node. Raises TestUnavailable on another profile."""
        self._require()
        engine = self._engine
        chain = await engine.chain.get()
        block = await chain.block()
        account = await engine.require_account()
        token = engine.network.currency(engine.network.default_token)
        held = await chain.balance(token.id, account.address)
        queries = await engine.queries.get()
        journal = await engine.journal.get()
        from mpp_console.services.models import Money

        return {
            "folder": str(engine.paths.folder),
            "chain_id": str(engine.network.chain_id),
            "block": str(block.number),
            "account": f"{account.name} {account.address}",
            "balance": Money(amount=held, currency=token).text,
            "receipts": str(await queries.count()),
            "unresolved": str(len(await journal.unresolved())),
        }

    async def reset(self) -> str:
        """Puts chain, accounts, server memory and history aside; the next use begins anew. Gives where the old ones
        are.

        Nothing is deleted. Empty when there was no sandbox. Raises SandboxBusy while another process uses it.
        """
        self._require()
        await self._engine.close()
        return await asyncio.to_thread(self._put_aside)

    def _put_aside(self) -> str:
        engine = self._engine
        folder = engine.paths.folder
        lock = SandboxLock(engine.lock_path)
        lock.own()
        try:
            if not folder.exists():
                return ""
            target = folder.with_name(f"{folder.name}.old-{engine.clock():%Y%m%d-%H%M%S-%f}")
            folder.rename(target)
            return str(target)
        finally:
            lock.release()

    def _require(self) -> None:
        if not self._engine.profile.is_sandbox:
            raise TestUnavailable("this is not the sandbox", hint="mpp-console --profile sandbox")
