from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import ParseError, b64url_decode, b64url_encode


@given(st.binary())
def test_agrees_with_the_standard_library_and_comes_back(data: bytes) -> None:
    text = b64url_encode(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert b64url_decode(text) == data


@given(st.text(max_size=40))
def test_any_other_text_raises_or_is_the_one_text_of_its_bytes(text: str) -> None:
    try:
        data = b64url_decode(text)
    except ParseError:
        return
    assert b64url_encode(data) == text


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "YQ==",
        "YWI=",
        "Y Q",
        "YQ\n",
        "YW+j",
        "YW/j",
        "YW\u00e9j",
        'YW"j',
        "YW\\j",
        "YR",
        "YWJ",
        "=",
        "YWJjZA\u0660",
    ],
)
def test_refuses_what_another_decoder_might_repair(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        b64url_decode(text)
    assert caught.value.code == "bad-base64url"


def test_points_at_the_first_foreign_character() -> None:
    with pytest.raises(ParseError) as caught:
        b64url_decode("not-valid!!!")
    assert caught.value.position == 9
