from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import content_digest, digest_matches

BODY = b'{"a":1}'
PLAIN = "AVq9f1zFei3ZS3WQ8ErYCEJzkF7jPsXOvq5iJ2qX+GI="


def test_writes_the_form_of_the_rfc() -> None:
    # RFC 9530 appendix: the digest of {"hello": "world"} and a line feed.
    assert content_digest(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


@given(st.binary())
def test_recognises_its_own(body: bytes) -> None:
    assert digest_matches(content_digest(body), body)
    assert not digest_matches(content_digest(body), body + b"x")


@pytest.mark.parametrize(
    "header",
    [
        f"sha-256=:{PLAIN}:",
        f"sha-256={PLAIN}",
        f"sha-256={PLAIN.rstrip('=')}",
        f"md5=:abcd:, sha-256=:{PLAIN}:",
        f"sha-256=:{PLAIN}: ,\tunixsum=:abcd:",
    ],
)
def test_reads_both_forms_among_others(header: str) -> None:
    assert digest_matches(header, BODY)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha-256",
        "sha-256=",
        "sha-256=:",
        "sha-256=::",
        f"sha-256=:{PLAIN}",
        f"sha-256={PLAIN}:",
        f"SHA-256=:{PLAIN}:",
        f"md5=:{PLAIN}:",
        f"sha-256=:{PLAIN}: junk",
        f"sha-256=:{PLAIN[:-4]}:",
        f"sha-512=:{PLAIN}:",
        "sha-256=:!!!!:",
        f"sha-256=:{PLAIN}:, sha-512=:{PLAIN}:",
        f"sha-256=:{PLAIN}=:",
        "sha-256=:A:",
        PLAIN,
    ],
)
def test_refuses_the_rest(header: str) -> None:
    assert not digest_matches(header, BODY)


@given(st.text())
def test_never_crashes(header: str) -> None:
    assert digest_matches(header, BODY) in (True, False)
