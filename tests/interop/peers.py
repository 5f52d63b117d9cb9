"""Installs the software we are tested against, once, under `.peers/` (or `$MPP_PEERS`), and says where it is.

Versions are pinned here and nowhere else. `PeerMissing` is raised when a peer cannot be had on this machine; the
fixtures turn it into a visible skip, or into a failure where `MPP_INTEROP=required`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NODE_PACKAGES = ("mppx@0.11.0", "mppx-v1@npm:mppx@0.8.14", "viem@2.57.20", "@foundry-rs/anvil@1.7.1")
"""`mppx-v1` is the newest mppx whose server still speaks sessions of version 1; the client of the newest does."""
PYMPP = "pympp[tempo,server]==0.16.0"
ROOT = Path(os.environ.get("MPP_PEERS", Path(__file__).parents[2] / ".peers"))
SCRIPTS = Path(__file__).parent / "scripts"


class PeerMissing(RuntimeError):
    """A peer cannot be installed here; the message says what is needed."""


def node_folder() -> Path:
    """The folder whose `node_modules` holds the npm peers, with our scripts beside it so that their imports resolve."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise PeerMissing("node and npm are needed to run the npm peers")
    folder = ROOT / "node"
    with _installing(folder, " ".join(NODE_PACKAGES)) as needed:
        if needed:
            (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
            # The newest viem asks for an mppx newer than the registry has; the two work together all the same.
            _run(
                [npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--legacy-peer-deps", *NODE_PACKAGES],
                folder,
            )
    for script in SCRIPTS.glob("*.mjs"):
        _refresh(script, folder / script.name)
    return folder


def pympp_python() -> Path:
    """The interpreter of the environment pympp lives in: it wants an older eth-abi than ours."""
    folder = ROOT / "pympp"
    python = folder / "venv" / "bin" / "python"
    with _installing(folder, PYMPP) as needed:
        if needed:
            _run([sys.executable, "-m", "venv", "venv"], folder)
            _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYMPP], folder)
    return python


def _refresh(source: Path, target: Path) -> None:
    """Copies by rename, so that a peer started by a neighbouring worker never reads half a script."""
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    temporary = target.with_suffix(f".{os.getpid()}")
    shutil.copyfile(source, temporary)
    temporary.replace(target)


@contextlib.contextmanager
def _installing(folder: Path, wanted: str) -> Iterator[bool]:
    """Holds the folder's lock; true when what is there is not what is wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / ".installed"
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        needed = not stamp.exists() or stamp.read_text() != wanted
        yield needed
        if needed:
            stamp.write_text(wanted)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise PeerMissing(f"{' '.join(command[:3])} failed:\n{done.stderr[-2000:]}")
