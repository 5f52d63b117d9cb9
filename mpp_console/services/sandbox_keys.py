"""The sandbox's own keys: who is paid, who sponsors fees, and the secret that binds the local server's challenges.

Worth nothing outside the sandbox's chain, and kept for their owner only all the same. Made once, by whichever process
comes first; blocking, so call it from a worker thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mpp_console.protocol import MIN_SECRET_BYTES, Secret
from mpp_console.services.errors import SettingsError

__all__ = ["SandboxKeys", "load_sandbox_keys"]

_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_LIMIT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxKeys:
    """Private keys of merchant and sponsor, and the binder's secret."""

    merchant: Secret[bytes]
    sponsor: Secret[bytes]
    binder: Secret[bytes]


def load_sandbox_keys(path: Path, random_bytes: Callable[[int], bytes]) -> SandboxKeys:
    """Reads the keys, making them first where there are none. Raises SettingsError for a file that does not hold,
    FileTrouble.
    """
    from mpp_console.wallet.files import FileExists, private_folder, read_limited, write_private

    if not path.exists():
        private_folder(path.parent)
        fresh = {
            "merchant": _private_key(random_bytes).hex(),
            "sponsor": _private_key(random_bytes).hex(),
            "binder": random_bytes(MIN_SECRET_BYTES).hex(),
        }
        with suppress(FileExists):  # another process was quicker; its keys are the ones
            write_private(path, msgspec.json.encode(fresh), replace=False)
    try:
        found = msgspec.json.decode(read_limited(path, _LIMIT), type=dict[str, str])
        keys = {name: Secret(bytes.fromhex(found[name])) for name in ("merchant", "sponsor", "binder")}
    except (msgspec.DecodeError, KeyError, ValueError) as error:
        raise SettingsError(f"{path} is damaged", hint="start the sandbox afresh: mpp-console sandbox reset") from error
    return SandboxKeys(**keys)


def _private_key(random_bytes: Callable[[int], bytes]) -> bytes:
    while not 0 < int.from_bytes(key := random_bytes(32)) < _CURVE_ORDER:
        pass
    return key
