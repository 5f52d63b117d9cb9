"""Hypothesis strategies for values of the Payment scheme, shared by the tests of this package."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from mpp_console.protocol import Challenge, Credential, Receipt, format_timestamp

NOW = datetime(2026, 1, 29, 12, 0, tzinfo=UTC)

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t"), max_size=40)
"""What a quoted-string can carry once it is escaped."""

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=10)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-9e15, 9e15)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)

OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), JSON, max_size=5)

MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive


@st.composite
def challenges(draw: st.DrawFn) -> Challenge:
    return Challenge.create(
        id=draw(TEXT.filter(bool)),
        realm=draw(TEXT.filter(bool)),
        method=draw(st.from_regex(r"[a-z][a-z0-9:_-]{0,10}", fullmatch=True)),
        intent=draw(st.from_regex(r"[A-Za-z0-9-]{1,10}", fullmatch=True)),
        request=draw(OBJECTS),
        description=draw(st.none() | TEXT),
        digest=draw(st.none() | st.just("sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:")),
        expires=draw(st.none() | MOMENTS.map(format_timestamp)),
        opaque=draw(st.none() | st.dictionaries(TEXT, TEXT, max_size=3)),
        header=draw(st.sampled_from([None, "Authorization", "Payment-Authorization"])),
    )


@st.composite
def credentials(draw: st.DrawFn) -> Credential:
    extra = draw(OBJECTS)
    return Credential(
        challenge=draw(challenges()),
        payload=draw(OBJECTS),
        source=draw(st.none() | TEXT),
        extra={name: value for name, value in extra.items() if name not in ("challenge", "payload", "source")},
    )


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    known = ("status", "method", "timestamp", "reference", "externalId")
    return Receipt(
        method=draw(NAMES),
        reference=draw(TEXT.filter(bool)),
        timestamp=draw(MOMENTS.map(format_timestamp)),
        external_id=draw(st.none() | TEXT),
        extra={name: value for name, value in draw(OBJECTS).items() if name not in known},
    )
