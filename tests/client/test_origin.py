from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.client.origin import Origin
from mpp_console.protocol import ParseError

SAME = [
    ("https://example.com", "https://example.com:443/a?b#c"),
    ("http://example.com", "HTTP://EXAMPLE.com:80/"),
    ("https://bücher.example", "https://xn--bcher-kva.example"),
    ("https://BÜCHER.example", "https://bücher.example/path"),
    ("http://[::1]:8000", "http://[0:0:0:0:0:0:0:1]:8000"),
    ("https://[2001:DB8::1]", "https://[2001:db8:0::1]:443"),
    ("https://user:secret@example.com", "https://example.com"),
    ("https://127.0.0.1", "https://127.0.0.1:443"),
]

DIFFERENT = [
    ("https://example.com", "http://example.com"),
    ("https://example.com", "https://example.com:8443"),
    ("https://example.com", "https://www.example.com"),
    ("https://example.com", "https://example.com."),
    ("https://example.com", "https://example.com.evil.test"),
    ("http://127.0.0.1:1", "http://127.0.0.1:2"),
    ("http://127.0.0.1", "http://localhost"),
    ("http://[::1]", "http://127.0.0.1"),
    ("https://paypal.com", "https://pаypal.com"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_origin_are_equal(one: str, other: str) -> None:
    assert Origin.parse(one) == Origin.parse(other)
    assert str(Origin.parse(one)) == str(Origin.parse(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_origins_that_differ_are_not_equal(one: str, other: str) -> None:
    assert Origin.parse(one) != Origin.parse(other)


@pytest.mark.parametrize("url", [url for pair in SAME + DIFFERENT for url in pair])
def test_it_is_where_httpx_connects_to(url: str) -> None:
    assert Origin.of(httpx.URL(url)) == Origin.parse(url)
    assert Origin.parse(str(Origin.parse(url))) == Origin.parse(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://exa mple.com",
        "https://example.com\\@evil.test",
        "https://example.com\n.evil.test",
        "https://example.com:99999",
        "https://example.com:port",
        "https://[::1",
        "https://[fe80::1%25eth0]",
        "https://-example.com",
        "https://exa%6dple.com",
        "https://exam|ple.com",
        "https://☃\u200d.example",
    ],
)
def test_what_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ParseError) as caught:
        Origin.parse(url)
    assert caught.value.code == "bad-origin"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.255.0.3", True),
        ("http://localhost", True),
        ("http://api.localhost:1", True),
        ("http://[::1]", True),
        ("http://[::ffff:127.0.0.1]", True),
        ("http://0.0.0.0", False),
        ("http://10.0.0.1", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("http://notlocalhost", False),
        ("http://[::ffff:10.0.0.1]", False),
        ("http://2130706433", False),
        ("http://127.1", False),
    ],
)
def test_loopback(url: str, loopback: bool) -> None:
    origin = Origin.parse(url)
    assert origin.is_loopback is loopback
    assert origin.is_secure is loopback
    assert Origin.parse(url.replace("http:", "https:")).is_secure


@given(st.text(max_size=60))
def test_any_text_is_an_origin_or_a_parse_error(text: str) -> None:
    for url in (text, f"https://{text}"):
        origin = _parsed(url)
        if isinstance(origin, ParseError):
            assert str(origin).isprintable()
        else:
            assert Origin.parse(str(origin)) == origin


def _parsed(url: str) -> Origin | ParseError:
    try:
        return Origin.parse(url)
    except ParseError as error:
        return error
