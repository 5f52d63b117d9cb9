"""The grammar of authentication header fields: one field value in, the schemes written in it out.

Reads `WWW-Authenticate` and `Authorization` values alike. Never raises: what is wrong comes out as data (`Flaw`), and
the callers decide what a flaw means for them. Knows nothing of the Payment scheme. Every expression here takes time
linear in its input: each unbounded quantifier is possessive, so a failed match is never tried again in another way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .headers import FINDING_LIMIT

__all__ = ["TOKEN", "Flaw", "Param", "Scheme", "quote", "scan", "shown"]

# RFC 9110 §5.6.2: token = 1*tchar
#   tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA
_TCHARS: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
TOKEN: Final = re.compile(_TCHARS)

# RFC 9110 §5.6.3: OWS = *( SP / HTAB ), and BWS is the same where it should not be.
_OWS: Final = r"[ \t]*+"

# RFC 9110 §5.6.1 lets a list hold empty elements: #element => [ element ] *( OWS "," OWS [ element ] )
_GAP: Final = re.compile(r"[ \t,]*+")

# RFC 9110 §5.6.4: quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE
#   qdtext = HTAB / SP / %x21 / %x23-5B / %x5D-7E / obs-text      quoted-pair = "\" ( HTAB / SP / VCHAR / obs-text )
# Control characters are let through here and refused where the value is checked: a finding can then name the parameter.
_INSIDE: Final = r'[^"\\]*+(?:\\.[^"\\]*+)*+'

# RFC 9110 §11.2: auth-param = token BWS "=" BWS ( token / quoted-string )
_PARAM: Final = re.compile(rf'({_TCHARS}){_OWS}={_OWS}(?:"({_INSIDE})"|({_TCHARS}))', re.DOTALL)

# The same, but the value is missing or its quote is never closed.
_BROKEN_PARAM: Final = re.compile(rf'({_TCHARS}){_OWS}={_OWS}("?)')

# RFC 9110 §11.3: challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ], auth-scheme = token
_SCHEME: Final = re.compile(rf"({_TCHARS})(?:[ \t]++|(?=,)|\Z)")

# RFC 9110 §11.2: token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
_TOKEN68: Final = re.compile(rf"([A-Za-z0-9\-._~+/]++=*+)(?={_OWS}(?:,|\Z))")

_END: Final = re.compile(rf"{_OWS}(?:,|\Z)")

# What is skipped after a flaw: all to the next comma outside quotes; a quote that is never closed takes the rest.
_JUNK: Final = re.compile(rf'(?:[^",]++|"{_INSIDE}(?:"|\\?\Z))*+', re.DOTALL)

# quoted-pair, and the \uXXXX with which mppx writes UTF-16 units beyond Latin-1; a surrogate pair makes one character.
_PAIR: Final = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\(.)", re.DOTALL
)

# What a quoted-string on the wire cannot carry: control characters other than tab (RFC 9110 §5.5: CR, LF and NUL are
# dangerous), and surrogates, which no encoding has.
_UNQUOTABLE: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_ESCAPED: Final = re.compile('[\\\\"]')
_BEYOND_LATIN_1: Final = re.compile("[^\x00-\xff]")


class Param(NamedTuple):
    """One auth-param: `name` in lower case, `value` with quotes and escapes resolved, `position` where it starts."""

    name: str
    value: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Where the text leaves the grammar. `param` is the parameter it touches, None when it touches none."""

    code: str
    message: str
    position: int
    param: str | None = None


@dataclass(slots=True, kw_only=True)
class Scheme:
    """One challenge or set of credentials: the scheme's name and either parameters or a token68.

    Text before the first scheme belongs to a scheme with an empty name.
    """

    name: str
    position: int
    token68: str | None = None
    params: list[Param] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)

    def add_flaw(self, code: str, message: str, position: int, param: str | None = None) -> None:
        if len(self.flaws) < FINDING_LIMIT or param is not None:
            self.flaws.append(Flaw(code=code, message=message, position=position, param=param))


def scan(text: str) -> list[Scheme]:
    """Every scheme in one field value, in order."""
    schemes: list[Scheme] = []
    current = Scheme(name="", position=0)
    position = _skip(_GAP, text, 0)
    while position < len(text):
        param = _PARAM.match(text, position)
        if param is not None:
            position = _take_param(current, param, text)
        elif (scheme := _SCHEME.match(text, position)) is not None:
            current = Scheme(name=scheme[1], position=position)
            schemes.append(current)
            position = _take_token68(current, text, scheme.end())
        else:
            position = _take_broken(current, text, position)
        if current.name == "" and not schemes:
            schemes.append(current)
        position = _skip(_GAP, text, position)
    return schemes


def _take_param(scheme: Scheme, match: re.Match[str], text: str) -> int:
    name = match[1].lower()
    quoted = match[2]
    value = match[3] if quoted is None else _unescape(quoted) if "\\" in quoted else quoted
    scheme.params.append(Param(name=name, value=value, position=match.start()))
    position = match.end()
    if _END.match(text, position) is None:
        scheme.add_flaw(
            "text-after-value", f"text follows the value of {shown(name)} before the next comma", position, name
        )
        position = _skip(_JUNK, text, position)
    return position


def _take_token68(scheme: Scheme, text: str, position: int) -> int:
    match = _TOKEN68.match(text, position)
    if match is None:
        return position
    scheme.token68 = match[1]
    return match.end()


def _take_broken(scheme: Scheme, text: str, position: int) -> int:
    match = _BROKEN_PARAM.match(text, position)
    if match is None:
        scheme.add_flaw("stray-text", "the text is neither a scheme nor a parameter", position)
    elif match[2]:
        name = match[1].lower()
        scheme.add_flaw(
            "unterminated-quoted-string", f"the quoted value of {shown(name)} is never closed", position, name
        )
        return len(text)
    else:
        name = match[1].lower()
        scheme.add_flaw("missing-value", f"{shown(name)} has no value that the grammar allows", position, name)
    # At least one character further, whatever stands there.
    return max(_skip(_JUNK, text, position), position + 1)


def shown(name: str) -> str:
    """A parameter's name for a message: a stranger may have made it as long as the line."""
    return name if len(name) <= 40 else f"{name[:39]}…"


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return position if match is None else match.end()


def _unescape(quoted: str) -> str:
    return _PAIR.sub(_unescape_one, quoted)


def _unescape_one(match: re.Match[str]) -> str:
    high, low, unit, character = match.groups()
    if character is not None:
        return str(character)
    if unit is not None:
        # Half of a surrogate pair stands for nothing; the value checks could not name a better place than this.
        return chr(int(unit, 16)) if not 0xD800 <= int(unit, 16) <= 0xDFFF else "\ufffd"
    return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))


def quote(value: str) -> str:
    """`value` as a quoted-string that Latin-1 can carry; beyond it, `\\uXXXX` for each UTF-16 unit as mppx writes it.

    Raises ValueError for control characters other than tab, and for surrogates.
    """
    if "\\" in value or '"' in value:
        value = _ESCAPED.sub(_with_backslash, value)
    if not (value.isascii() and value.isprintable()):
        if _UNQUOTABLE.search(value) is not None:
            raise ValueError("a header value cannot hold control characters or surrogates")
        # Only now: the backslashes added here are not to be escaped.
        value = _BEYOND_LATIN_1.sub(_escape_units, value)
    return f'"{value}"'


def _with_backslash(match: re.Match[str]) -> str:
    return "\\" + match[0]


def _escape_units(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
