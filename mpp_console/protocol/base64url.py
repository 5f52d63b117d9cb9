"""Base64url without padding, exactly as the Payment scheme allows it (RFC 4648 §5).

Strict on purpose: a decoder that skips foreign characters or ignores left-over bits reads several texts as the same
bytes, and two sides then disagree about what was signed. Knows nothing of JSON or headers.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

import msgspec

from .errors import ParseError

__all__ = ["b64url_decode", "b64url_encode"]

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# Everything foreign, `+`, `/` and `=` included, becomes a character that no base64 alphabet has.
_FROM_URL: Final = bytes(byte if byte in _ALPHABET else {0x2D: 0x2B, 0x5F: 0x2F}.get(byte, 0x21) for byte in range(256))
_CLOSING: Final = (b'"', b'"', b'=="', b'="')
# msgspec reads base64 out of a JSON string in a third of the time that binascii takes; after the translation no
# character is left that JSON would treat as special.
_decode_json_bytes = msgspec.json.Decoder(bytes).decode
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]")

# RFC 4648 §3.5: "Implementations MAY chose to reject" non-zero trailing bits; bytes must have one text here.
_LAST_OF_TWO = frozenset("AQgw")
_LAST_OF_THREE = frozenset("AEIMQUYcgkosw048")


def b64url_encode(data: bytes) -> str:
    """The unpadded base64url text of `data`."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes of an unpadded base64url text.

    Raises ParseError (code `bad-base64url`) for padding, foreign characters, an impossible length or non-zero
    left-over bits.
    """
    rest = len(text) & 3
    if rest == 1:
        raise _error(text, f"a base64url text of {len(text)} characters is cut short")
    try:
        data = _decode_json_bytes(b'"' + text.encode("ascii").translate(_FROM_URL) + _CLOSING[rest])
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise _error(text, "the text is not base64url (letters, digits, '-' and '_', no padding)") from error
    if (rest == 2 and text[-1] not in _LAST_OF_TWO) or (rest == 3 and text[-1] not in _LAST_OF_THREE):
        raise ParseError(
            "the base64url text has bits left over at its end", code="bad-base64url", position=len(text) - 1
        )
    return data


def _error(text: str, message: str) -> ParseError:
    foreign = _FOREIGN.search(text)
    return ParseError(message, code="bad-base64url", position=foreign.start() if foreign else len(text))
