"""What the front ends see of other people's text."""

from __future__ import annotations

from mpp_console.services.views import masked_headers

CREDENTIAL = "Payment eyJjaGFsbGVuZ2UiOnsiaWQiOiJ4In19"


def test_headers_show_no_secret_wherever_a_server_puts_it() -> None:
    shown = dict(
        masked_headers(
            [
                ("Payment-Receipt", "eyJ"),
                ("X-Echo", f"you sent {CREDENTIAL}"),
                ("WWW-Authenticate", 'Payment id="a", request="eyJhbW91bnQiOiIxMDAwMCJ9"'),
                ("X-Plain", "a\x1b[31mb"),
            ]
        )
    )
    assert shown == {
        "Payment-Receipt": "(hidden)",
        "X-Echo": "you sent [redacted]",
        "WWW-Authenticate": 'Payment id="a", request="eyJhbW91bnQiOiIxMDAwMCJ9"',
        "X-Plain": "ab",
    }
