"""Filters of receipts that people gave a name, in one small file of the profile. Blocking; call it from a worker
thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from mpp_console.protocol import inert
from mpp_console.services.errors import FilterError
from mpp_console.services.models import SavedFilter

__all__ = ["SavedFilters"]

_NAME_LIMIT: Final = 40
_COUNT_LIMIT: Final = 200
_SIZE_LIMIT: Final = 256 * 1024


class SavedFilters:
    """Name to text. A file that cannot be read is told, and never written over."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[SavedFilter, ...]:
        """By name, in any letter case. Raises FilterError for a file that is none of ours, FileTrouble for one that
        cannot be read.
        """
        return tuple(SavedFilter(name=name, text=text) for name, text in sorted(self._read().items(), key=_by_name))

    def put(self, name: str, text: str) -> None:
        """Keeps one, in place of one of the same name. Raises FilterError for a name that cannot be shown on a line."""
        name = name.strip()
        if not name or len(name) > _NAME_LIMIT or inert(name) != name:
            raise FilterError(f"a filter's name has 1 to {_NAME_LIMIT} characters on one line")
        kept = self._read()
        if name not in kept and len(kept) >= _COUNT_LIMIT:
            raise FilterError(f"there are {_COUNT_LIMIT} filters already", hint="forget one first")
        self._write({**kept, name: text})

    def drop(self, name: str) -> None:
        """Forgets one, if it is there."""
        kept = self._read()
        if kept.pop(name, None) is not None:
            self._write(kept)

    def _read(self) -> dict[str, str]:
        from mpp_console.wallet.files import read_limited

        if not self._path.exists():
            return {}
        try:
            return msgspec.json.decode(read_limited(self._path, _SIZE_LIMIT), type=dict[str, str])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FilterError(
                f"the saved filters in {self._path} cannot be read", hint="mend the file, or move it away"
            ) from error

    def _write(self, filters: dict[str, str]) -> None:
        from mpp_console.wallet.files import private_folder, write_private

        private_folder(self._path.parent)
        write_private(self._path, msgspec.json.format(msgspec.json.encode(filters), indent=2))


def _by_name(item: tuple[str, str]) -> tuple[str, str]:
    return item[0].casefold(), item[0]
