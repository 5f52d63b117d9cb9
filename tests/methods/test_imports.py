"""The process stays as it was after heavy imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from mpp_console.methods.imports import recursion_limit_kept
before = sys.getrecursionlimit()
with recursion_limit_kept():
    import {library}
assert "py_ecc" in sys.modules, "the library no longer needs the precaution"
assert sys.getrecursionlimit() == before
import json
try:
    json.loads("[" * 500_000)
except RecursionError:
    print("refused")
"""


@pytest.mark.parametrize("library", ["eth_account", "web3"])
def test_nested_json_stays_an_error_after_the_import(library: str) -> None:
    program = PROGRAM.format(library=library)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
