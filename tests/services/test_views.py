"""What the front ends see of other people's text."""

from __future__ import annotations

from datetime import UTC, datetime

from mpp_console.client.journal import Operation
from mpp_console.methods.tempo.networks import MODERATO
from mpp_console.services.views import masked_headers, operation_view, payment_explorer_url
from tests.history.samples import a_draft, a_receipt

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


def test_only_a_transaction_is_looked_at_in_the_explorer() -> None:
    for intent, found in (("charge", True), ("session", False)):
        named = {"intent": intent, "network": MODERATO.name, "reference": "0x" + "ab" * 32}
        operation = Operation.from_draft(a_draft(**named), datetime(2026, 3, 14, tzinfo=UTC))
        assert (operation_view(operation, MODERATO).explorer_url is not None) is found
        assert (payment_explorer_url(a_receipt(**named), MODERATO) is not None) is found
