"""Where the console keeps its files. Folders are made when first written to, for their owner only.

`MPP_CONSOLE_HOME` puts everything under one folder; otherwise the platform's own places for settings and data are used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["HOME_VARIABLE", "Paths", "ProfilePaths"]

HOME_VARIABLE = "MPP_CONSOLE_HOME"
_APPLICATION = "mpp-console"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePaths:
    """Files of one profile. Nothing here is shared with another profile."""

    folder: Path

    @property
    def history(self) -> Path:
        return self.folder / "history.db"

    @property
    def sandbox(self) -> Path:
        """State of the sandbox's chain; several processes may run a node on it."""
        return self.folder / "chain.db"

    @property
    def gate(self) -> Path:
        """What the local server remembers: used credentials and answers given."""
        return self.folder / "server.db"

    @property
    def sandbox_keys(self) -> Path:
        """Throw-away keys and the server's secret of the sandbox; worth nothing elsewhere, kept 0600 all the same."""
        return self.folder / "sandbox.json"

    @property
    def filters(self) -> Path:
        """Filters of receipts that were given a name."""
        return self.folder / "filters.json"

    @property
    def allowances(self) -> Path:
        """Permissions to pay an origin without asking."""
        return self.folder / "allowances.json"

    @property
    def urls(self) -> Path:
        """URLs that were inspected, without secrets."""
        return self.folder / "urls.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The settings folder and the data folder."""

    config: Path
    data: Path

    @classmethod
    def under(cls, home: Path) -> Self:
        """Everything below one folder."""
        return cls(config=home, data=home / "data")

    @classmethod
    def find(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The person's own places, or the ones below `MPP_CONSOLE_HOME`."""
        home = (os.environ if environ is None else environ).get(HOME_VARIABLE)
        if home:
            return cls.under(Path(home).expanduser().absolute())
        import platformdirs

        return cls(
            config=Path(platformdirs.user_config_dir(_APPLICATION)), data=Path(platformdirs.user_data_dir(_APPLICATION))
        )

    @property
    def settings(self) -> Path:
        return self.config / "settings.toml"

    @property
    def toured(self) -> Path:
        """Is there when the first-run tour was taken or skipped."""
        return self.data / "toured"

    def profile(self, name: str) -> ProfilePaths:
        return ProfilePaths(folder=self.data / name)

    def accounts(self, *, sandbox: bool) -> Path:
        """The folder of accounts and key files: one for every real network, and the sandbox's own, which no other
        profile opens.
        """
        return self.data / "sandbox" / "accounts" if sandbox else self.data / "accounts"
