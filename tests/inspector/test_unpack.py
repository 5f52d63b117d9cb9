"""Packed bodies: unpacked as browsers do, and never to more than was allowed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.inspector.unpack import unpack

LIMIT = 64 * 1024


def bare(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [("gzip", gzip.compress), ("X-GZIP ", gzip.compress), ("deflate", zlib.compress), ("deflate", bare),
     ("identity", bytes), ("", bytes)],
)  # fmt: skip
@given(content=st.binary(max_size=2000))
def test_what_was_packed_comes_back(coding: str, pack: Callable[[bytes], bytes], content: bytes) -> None:
    assert unpack(pack(content), [coding], limit=LIMIT) == (content, True)


def test_codings_are_taken_off_in_the_order_opposite_to_that_in_which_they_were_put_on() -> None:
    packed = gzip.compress(zlib.compress(b"twice"))
    assert unpack(packed, ["deflate", "gzip"], limit=LIMIT) == (b"twice", True)
    assert unpack(packed, ["gzip", "deflate"], limit=LIMIT)[1] is False


def test_members_of_one_file_are_one_body() -> None:
    assert unpack(gzip.compress(b"one ") + gzip.compress(b"two"), ["gzip"], limit=LIMIT) == (b"one two", True)


@pytest.mark.parametrize("codings", [["gzip"], ["gzip", "gzip"], ["gzip"] * 4])
def test_a_bomb_does_not_go_off(codings: list[str]) -> None:
    bomb = b"\0" * 64_000_000
    for _ in codings:
        bomb = gzip.compress(bomb, 9)
    tracemalloc.start()
    content, whole = unpack(bomb, codings, limit=LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(content) <= LIMIT, whole) == (True, False)
    assert peak < 20 * LIMIT


def test_more_codings_than_anybody_uses_are_not_all_taken_off() -> None:
    packed = b"x"
    for _ in range(6):
        packed = gzip.compress(packed)
    assert unpack(packed, ["gzip"] * 6, limit=LIMIT)[1] is False


@pytest.mark.parametrize(
    ("content", "coding", "found"),
    [(b"not gzip", "gzip", b""), (b"packed", "br", b"packed"), (gzip.compress(b"cut off" * 50)[:-12], "gzip", None)],
    ids=["something else", "unknown coding", "cut off"],
)
def test_what_cannot_be_unpacked_is_not_whole(content: bytes, coding: str, found: bytes | None) -> None:
    unpacked, whole = unpack(content, [coding], limit=LIMIT)
    assert not whole
    assert found is None or unpacked == found


@given(st.binary(max_size=300), st.lists(st.sampled_from(["gzip", "deflate", "br", "identity"]), max_size=6))
def test_it_never_raises_and_never_exceeds_the_limit(content: bytes, codings: list[str]) -> None:
    assert len(unpack(content, codings, limit=100)[0]) <= 100
