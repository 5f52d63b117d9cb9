from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
from typing import Any

import msgspec
import pytest

from mpp_console.protocol import Secret

VALUE = "hunter2-hunter2"


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    key: Secret[str]


def test_gives_its_value_only_when_asked(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(VALUE)
    logging.getLogger("test").warning("key %s %r", secret, secret)
    texts = [
        repr(secret), str(secret), f"{secret}", f"{secret:>200}", f"{secret!r}", "%s" % secret, repr([secret]),  # noqa: UP031
        repr(Holder(secret)), repr(dataclasses.asdict(Holder(secret))), caplog.text,
    ]  # fmt: skip
    assert not any(VALUE in text for text in texts)
    assert str(secret) == repr(secret) == f"{secret:>200}" == "Secret(****)"
    assert secret.reveal() == VALUE
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("encode", [pickle.dumps, json.dumps, msgspec.json.encode, msgspec.to_builtins, hash])
def test_cannot_be_encoded_or_hashed(encode: Any) -> None:
    with pytest.raises(TypeError) as caught:
        encode(Secret(VALUE))
    assert VALUE not in str(caught.value)


def test_holders_cannot_be_encoded_either() -> None:
    for encode in (msgspec.json.encode, pickle.dumps):
        with pytest.raises(TypeError):
            encode(Holder(Secret(VALUE)))


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (b"a", b"a", True),
        (b"a", b"b", False),
        ("é\ud800", "é\ud800", True),
        ("é", "e", False),
        ("a", b"a", False),
        (7, 7, True),
        (7, 8, False),
        (7, "7", False),
    ],
)
def test_equality_is_that_of_the_values(left: Any, right: Any, same: bool) -> None:
    assert (Secret(left) == Secret(right)) is same
    assert (Secret(left) != Secret(right)) is not same


def test_is_not_equal_to_a_bare_value() -> None:
    assert Secret("a") != "a"


def test_copies_stay_wrapped() -> None:
    secret = Secret([VALUE])
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": secret})["a"] is secret
