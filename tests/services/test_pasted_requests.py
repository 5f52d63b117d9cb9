"""What is typed or pasted where a URL is asked for becomes the request that was meant."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.protocol import MppError
from mpp_console.services import Console
from mpp_console.services.commands import pay_command
from mpp_console.services.errors import UsageError
from mpp_console.services.models import PayRequest
from mpp_console.services.pasted_requests import is_command, parse_request, take_apart

JSON = (("Content-Type", "application/json"),)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("api.example/x", PayRequest(url="https://api.example/x")),
        ("curl https://api.example/x", PayRequest(url="https://api.example/x")),
        (
            "$ curl -L -X PUT --json '{\"a\":1}' \\\n  -H 'X-A: b' \\\n  'https://api.example/x'",
            PayRequest(
                url="https://api.example/x",
                method="PUT",
                headers=(("X-A", "b"), *JSON),
                body=b'{"a":1}',
                follow_redirects=True,
            ),
        ),
        (
            "mpp-console -p mainnet pay https://api.example -y --max-amount=0.5 --offer 2",
            PayRequest(url="https://api.example", max_amount="0.5", offer="2"),
        ),
    ],
)
def test_a_text_taken_apart(text: str, request_: PayRequest) -> None:
    assert parse_request(text) == request_


@pytest.mark.parametrize("text", ["", "curl -X POST", "curl 'https://x", "mpp-console receipts list", "ftp://x"])
def test_what_makes_no_request_says_why(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_request(text)
    assert str(caught.value)


def test_what_is_left_out_is_told() -> None:
    taken = take_apart("curl https://x.example -F 'a=@b' -d @secret.txt -H 'Authorization: …'")
    assert taken.request.headers == ()
    assert taken.left_out == ("the form of -F", "--data @secret.txt", "the value of Authorization, which was masked")


@pytest.mark.parametrize(
    "request_",
    [
        PayRequest(url="https://a.example/x?y=1&z='q'"),
        PayRequest(url="https://a.example", method="DELETE", headers=(("X-A", "b c"),), max_amount="1.5"),
        PayRequest(url="https://a.example", method="POST", headers=JSON, body=b'{"a": "b\'c"}', follow_redirects=True),
    ],
)
def test_our_own_commands_read_back_as_they_were_meant(request_: PayRequest) -> None:
    assert parse_request(pay_command("sandbox", request_)) == request_
    assert is_command(pay_command("sandbox", request_))


@given(
    st.text(max_size=80)
    | st.text(max_size=80).map("curl ".__add__)
    | st.text(max_size=80).map("mpp-console pay ".__add__)
)
def test_no_text_breaks_it(text: str) -> None:
    try:
        request = parse_request(text)
    except MppError:
        return
    assert request.url.partition("://")[0].lower() in {"http", "https"}


async def test_https_where_plain_http_answers_is_told_as_that(console: Console) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        result = await console.payments.start(PayRequest(url=url)).result()
    assert result.error is not None
    assert (result.error.code, result.error.kind) == ("no-tls", "network")
    assert "http://" in result.error.hint
