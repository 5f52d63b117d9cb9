"""Our themes are readable, and styles name nothing but tokens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

import mpp_console.tui
from mpp_console.tui.themes import PAIRS, THEMES, TINTS

SOURCES = sorted(Path(mpp_console.tui.__file__).parent.rglob("*"))


def luminance(color: Color) -> float:
    """Relative luminance (WCAG 2.2)."""

    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(channel / 255) for channel in color.rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0]}-on-{pair[1]}")
def test_contrast_is_aa(theme: Theme, pair: tuple[str, str]) -> None:
    tokens = theme.to_color_system().generate()
    ink, ground = (Color.parse(tokens[name]) for name in pair)
    assert contrast(ink, ground) >= 4.5, f"{pair} in {theme.name}: {contrast(ink, ground):.2f}"


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("tint", TINTS, ids=lambda tint: f"{tint[0]}-on-{tint[1]}")
def test_contrast_on_tints_is_aa(theme: Theme, tint: tuple[str, str, float]) -> None:
    tokens = theme.to_color_system().generate()
    ink, token, strength = tint
    ground = Color.parse(tokens["background"]).blend(Color.parse(tokens[token]), strength)
    assert contrast(Color.parse(tokens[ink]), ground) >= 4.5, f"{tint} in {theme.name}"


def test_the_high_contrast_theme_deserves_its_name() -> None:
    tokens = next(theme for theme in THEMES if theme.name.endswith("high-contrast")).to_color_system().generate()
    for ink in ("foreground", "text-muted", "primary", "success", "warning", "error"):
        assert contrast(Color.parse(tokens[ink]), Color.parse(tokens["background"])) >= 7


@pytest.mark.parametrize("path", [path for path in SOURCES if path.suffix == ".tcss"], ids=lambda path: path.name)
def test_styles_use_tokens_only(path: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    values = re.findall(r"(?:color|background|border[a-z-]*|outline[a-z-]*):\s*([^;]+);", text)
    named = {"round", "outer", "none", "ascii", "heavy", "solid", "transparent"}
    for value in values:
        for word in value.split():
            assert word.startswith("$") or word in named or word.endswith("%"), f"{path.name}: {value}"


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path.suffix == ".py" and path.name != "themes.py"],
    ids=lambda path: path.name,
)
def test_code_names_no_colour(path: Path) -> None:
    assert re.findall(r"#[0-9a-fA-F]{6}\b|\brgb\(|\bansi_[a-z]+", path.read_text(encoding="utf-8")) == []
