"""What people type becomes a request or an error that says what is wrong; and requests become commands again."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import MppError
from mpp_console.services.commands import command_line, pay_command, transfer_command
from mpp_console.services.errors import UsageError
from mpp_console.services.models import PayRequest, TransferRequest
from mpp_console.services.no_answer import request_error
from mpp_console.services.requests import checked_request, full_url, offer_position, wire_headers


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("api.example/x", "https://api.example/x"),
        ("localhost:4021", "http://localhost:4021"),
        ("127.0.0.1:8/x?y=1", "http://127.0.0.1:8/x?y=1"),
        ("[::1]:8", "http://[::1]:8"),
        ("localhost.evil.example", "https://localhost.evil.example"),
        ("http://api.example", "http://api.example"),
        ("  https://api.example  ", "https://api.example"),
    ],
)
def test_a_scheme_is_added_where_there_is_none(typed: str, url: str) -> None:
    assert full_url(typed) == url


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    try:
        url = full_url(text)
    except MppError:
        return
    assert url.partition("://")[0].lower() in {"http", "https"}


def test_offers_are_counted_from_one() -> None:
    assert [offer_position(text) for text in (None, "1", "12", "tempo/charge", "²")] == [None, 0, 11, None, None]
    with pytest.raises(UsageError):
        offer_position("0")


def test_a_request_in_its_plain_form() -> None:
    assert checked_request(PayRequest(url="a.example", method="post")) == PayRequest(
        url="https://a.example", method="POST"
    )


@pytest.mark.parametrize("offer", ["0", "00"])
def test_an_offer_that_cannot_be_counted_is_refused_at_once(offer: str) -> None:
    with pytest.raises(UsageError, match="counted from 1"):
        checked_request(PayRequest(url="https://api.example", offer=offer))


def test_headers_keep_the_bytes_that_were_typed() -> None:
    typed = b"caf\xc3\xa9 \xff".decode("utf-8", "surrogateescape")
    request = checked_request(PayRequest(url="https://api.example", headers=(("X-A", typed),)))
    assert wire_headers(request.headers) == [(b"X-A", b"caf\xc3\xa9 \xff")]
    with pytest.raises(UsageError, match="control character"):
        checked_request(PayRequest(url="https://api.example", headers=(("X-A", "a\x1bb"),)))
    with pytest.raises(UsageError, match="not UTF-8"):
        full_url("https://api.example/\udcff")


def test_no_user_and_password_is_shown() -> None:
    url = "https://me:hunter2@api.example/x?a=b@c"
    assert pay_command("sandbox", PayRequest(url=url)) == "mpp-console pay 'https://api.example/x?a=b@c'"
    for text in (f"{url} y", "me:hunter2@api .example", "ftp://me:hunter2@api.example"):
        with pytest.raises(UsageError) as caught:
            full_url(text)
        assert "hunter2" not in str(caught.value)
    assert "hunter2" not in request_error(httpx.InvalidURL("no"), url).message


def test_commands_read_back_as_they_were_meant() -> None:
    request = PayRequest(
        url="https://a.example/x y",
        method="PUT",
        body=b"\x00\xff",
        follow_redirects=True,
        max_amount="0.5",
        offer="2",
        mode="quote",
        account="shop",
    )
    assert pay_command("mainnet", request) == (
        "mpp-console --profile mainnet --account shop pay 'https://a.example/x y' -X PUT -d @FILE -L "
        "--max-amount 0.5 --offer 2 --dry-run"
    )
    transfer = TransferRequest(to="0x1", amount="1", token="AlphaUSD", memo="hello")
    assert transfer_command("sandbox", transfer) == "mpp-console transfer 1 0x1 --token AlphaUSD --memo hello"
    assert command_line("sandbox", "serve", "a\x1b[2Jb") == "mpp-console serve 'ab'"
    assert command_line("--demo", "receipts", "list") == "mpp-console --demo receipts list"
