"""The console's own themes. Every style elsewhere names a token, so that Textual's built-in themes work as well.

`PAIRS` and `TINTS` list which token is ever drawn on which; a test holds each pair of our themes to WCAG AA (4.5:1).
"""

from __future__ import annotations

from textual.theme import Theme

__all__ = ["DARK", "DEFAULT_THEME", "HIGH_CONTRAST", "LIGHT", "PAIRS", "SIXTEEN", "THEMES", "TINTS"]


def _variables(*, muted: str, cursor: str, foreground: str, accent: str, rule: str, raised: str) -> dict[str, str]:
    return {
        "text-muted": muted,
        "border": accent,
        "border-blurred": rule,
        "block-cursor-background": cursor,
        "block-cursor-foreground": foreground,
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": raised,
        "block-cursor-blurred-foreground": foreground,
        "block-cursor-blurred-text-style": "none",
        "block-hover-background": raised,
        "input-selection-background": cursor,
        "footer-background": raised,
        "scrollbar": rule,
        "scrollbar-hover": muted,
        "scrollbar-active": accent,
        "scrollbar-background": "transparent",
        "scrollbar-background-hover": "transparent",
        "scrollbar-background-active": "transparent",
        "scrollbar-corner-color": "transparent",
    }


DARK = Theme(
    name="console-dark",
    dark=True,
    background="#0a0b0f",
    surface="#12141b",
    panel="#2b303d",
    foreground="#dde1ea",
    primary="#8ea6ff",
    secondary="#8ea6ff",
    accent="#8ea6ff",
    success="#67cf8f",
    warning="#eeb45c",
    error="#ff7d84",
    variables=_variables(
        muted="#8790a3", cursor="#1e2540", foreground="#dde1ea", accent="#8ea6ff", rule="#2b303d", raised="#12141b"
    ),
)

LIGHT = Theme(
    name="console-light",
    dark=False,
    background="#fcfcfe",
    surface="#f1f2f7",
    panel="#c8ccd9",
    foreground="#1a1e29",
    primary="#3a4bc4",
    secondary="#3a4bc4",
    accent="#3a4bc4",
    success="#12703a",
    warning="#8a5100",
    error="#b01e2b",
    variables=_variables(
        muted="#5a6172", cursor="#dfe3fb", foreground="#1a1e29", accent="#3a4bc4", rule="#c8ccd9", raised="#f1f2f7"
    ),
)

HIGH_CONTRAST = Theme(
    name="console-high-contrast",
    dark=True,
    background="#000000",
    surface="#0d0d0d",
    panel="#8c8c8c",
    foreground="#ffffff",
    primary="#6fd6ff",
    secondary="#6fd6ff",
    accent="#6fd6ff",
    success="#5cff94",
    warning="#ffd94a",
    error="#ff9a9a",
    variables=_variables(
        muted="#cfcfcf", cursor="#003a52", foreground="#ffffff", accent="#6fd6ff", rule="#8c8c8c", raised="#0d0d0d"
    ),
)

SIXTEEN = Theme(
    name="console-16",
    dark=True,
    background="#000000",
    surface="#000000",
    panel="#aaaaaa",
    foreground="#ffffff",
    primary="#55ffff",
    secondary="#55ffff",
    accent="#55ffff",
    success="#55ff55",
    warning="#ffff55",
    error="#ff8f8f",
    variables=_variables(
        muted="#cccccc", cursor="#000090", foreground="#ffffff", accent="#55ffff", rule="#aaaaaa", raised="#000000"
    ),
)
"""For terminals of 16 colours: made of what those have, so that nothing is lost in rounding."""

THEMES = (DARK, LIGHT, HIGH_CONTRAST, SIXTEEN)
DEFAULT_THEME = DARK.name

_INKS = ("foreground", "text-muted", "primary", "success", "warning", "error")
_GROUNDS = ("background", "surface", "block-cursor-background")
PAIRS: tuple[tuple[str, str], ...] = (
    *((ink, ground) for ground in _GROUNDS for ink in _INKS),
    # Badges are drawn the other way round.
    *(("background", ground) for ground in ("primary", "success", "warning", "error")),
)
"""(ink, ground) token pairs that some screen draws."""

TINTS: tuple[tuple[str, str, float], ...] = (
    # The mode that is shown, and the bar on top of a screen that spends real money.
    ("primary", "primary", 0.16),
    *((ink, "warning", 0.12) for ink in ("foreground", "text-muted", "primary", "success", "error")),
)
"""(ink, tint, strength): inks drawn on the background with some of another token mixed in."""
