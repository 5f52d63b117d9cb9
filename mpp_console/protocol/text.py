"""Makes text from strangers inert before a screen, a log or a file shows it.

Descriptions, problem details, bodies and headers come from servers we do not know. A terminal obeys escape sequences,
and a reader trusts what looks like a line of ours; so everything that is not a visible character goes. Markup of a
screen library is not this file's matter: whoever draws must not parse this text as markup.
"""

from __future__ import annotations

import re

__all__ = ["REDACTED", "hide_credentials", "inert"]

REDACTED = "[redacted]"

# ECMA-48: CSI = ESC [ or 9B, parameter bytes 30-3F, intermediate bytes 20-2F, one final byte 40-7E. Strings (OSC,
# DCS, SOS, PM, APC) run to BEL, ST or ESC \; one that never ends swallows the rest, as it would in a terminal. Every
# quantifier is possessive, so that time stays linear.
_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*+[ -/]*+[@-~]?"
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*+(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[ -/]*+[0-~]?"
)

_BREAK = re.compile("\r\n|[\t\n\v\f\r\x85\u2028\u2029]")

# Unicode general categories Cc and Cf, surrogates and noncharacters, plus letters and marks that draw nothing (fillers,
# variation selectors, grapheme joiner). Ranges are written out: asking unicodedata for every code point costs 0.1 s.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u17b4-\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)

# A credential or receipt header, a JWT: base64url of something that begins with `{"`. A raw Tempo transaction: 0x76
# or 0x78.
_CREDENTIAL = re.compile(
    r"eyJ[A-Za-z0-9_\-+/=.]{16,}+|\bPayment\s++[A-Za-z0-9_\-]{24,}+|\b0x7[68]f[89][0-9a-fA-F]{80,}+"
)


def hide_credentials(text: str) -> str:
    """`text` with what looks like a credential, a receipt or a signed transaction replaced: a server may repeat what it
    was sent."""
    return _CREDENTIAL.sub(REDACTED, text)


def inert(text: str, *, limit: int | None = None, keep_newlines: bool = False) -> str:
    """`text` without terminal sequences, control, bidirectional, zero-width and other invisible characters.

    Tabs and line ends become a space; with `keep_newlines` line ends become `\\n`. Beyond `limit` characters the text
    is cut and ends in `…`. Idempotent.
    """
    if not (text.isascii() and text.isprintable()):
        text = _SEQUENCE.sub("", text)
        text = _BREAK.sub(_newline if keep_newlines else " ", text)
        text = _INVISIBLE.sub("", text)
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…" if limit > 0 else ""
    return text


def _newline(match: re.Match[str]) -> str:
    return " " if match[0] == "\t" else "\n"
