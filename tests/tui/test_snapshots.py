"""Pictures of every mode and dialog. Look at the report before accepting a change: `pytest tests/tui --snapshot-
update`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.tui.scenes import MODES, OTHERS, Scene

Compare = Callable[..., Any]

BASELINE = (3, 11)
"""The pictures are the same on every Python; drawing them on one keeps differences out of the history."""


@pytest.fixture(autouse=True)
def one_baseline(request: pytest.FixtureRequest) -> None:
    if request.config.option.update_snapshots and sys.version_info[:2] != BASELINE:
        pytest.exit(f"draw snapshots on Python {BASELINE[0]}.{BASELINE[1]}", returncode=2)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", MODES)
def test_mode(snap_compare: Compare, name: str, size: tuple[int, int], theme: str) -> None:
    scene = MODES[name].in_theme(theme)
    assert snap_compare(scene.app(), terminal_size=size, run_before=scene.reach)


@pytest.mark.parametrize("size", [(60, 20), (200, 50)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", MODES)
def test_mode_at_the_ends_of_the_scale(snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    scene = MODES[name]
    assert snap_compare(scene.app(), terminal_size=size, run_before=scene.reach)


@pytest.mark.parametrize("name", OTHERS)
def test_scene(snap_compare: Compare, name: str) -> None:
    scene = OTHERS[name]
    assert snap_compare(scene.app(), terminal_size=(120, 36), run_before=scene.reach)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_review_in_a_small_terminal(snap_compare: Compare, theme: str) -> None:
    scene = OTHERS["review"].in_theme(theme)
    assert snap_compare(scene.app(), terminal_size=(80, 24), run_before=scene.reach)


@pytest.mark.parametrize("name", MODES)
def test_without_colour(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    scene: Scene = MODES[name]
    assert snap_compare(scene.app(), terminal_size=(120, 36), run_before=scene.reach)
