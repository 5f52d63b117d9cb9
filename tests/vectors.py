"""Where the official conformance vectors are, and what a test does without them.

The folder is `$MPP_VECTORS`. Without it the tests that need it are skipped, and fail where `CI` is set.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["FOLDER", "cases", "load", "require"]

FOLDER = Path(__file__).parents[1] / os.environ.get("MPP_VECTORS", "../shared/vectors")


def require(path: Path = FOLDER) -> None:
    """Skips the running test when `path` is not there, or fails it where `CI` is set."""
    if path.exists():
        return
    if os.environ.get("CI"):
        pytest.fail(missing(path))
    pytest.skip(missing(path))


def load(name: str) -> Any:
    """The vector file `name`, decoded, or the end of the running test."""
    require(FOLDER / name)
    return json.loads((FOLDER / name).read_text())


def cases(name: str) -> Iterator[Any]:
    """The scenarios or cases of the file `name` as parameters of a test; one that is skipped, or fails, without it."""
    path = FOLDER / name
    if path.exists():
        document = json.loads(path.read_text())
        for case in document.get("scenarios") or document["cases"]:
            yield pytest.param(case, id=case["name"])
    elif os.environ.get("CI"):
        yield pytest.param(None, id=missing(path))
    else:
        yield pytest.param(None, id=name, marks=pytest.mark.skip(reason=missing(path)))


def missing(path: Path) -> str:
    return f"the conformance vectors are not at {path}; set MPP_VECTORS to their folder"
