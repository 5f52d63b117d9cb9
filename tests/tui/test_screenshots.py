"""The README's pictures are what the console looks like."""

from __future__ import annotations

import pytest

from tests.tui.screenshots import FOLDER, PICTURES, draw


@pytest.mark.parametrize("name", PICTURES)
async def test_picture_is_current(name: str) -> None:
    path = FOLDER / f"{name}.svg"
    assert path.is_file(), "run: make screenshots"
    assert path.read_text(encoding="utf-8") == await draw(PICTURES[name]), "stale; run: make screenshots"


def test_no_picture_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == set(PICTURES)
