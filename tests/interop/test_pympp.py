"""pympp pays our demo API, and our client pays a pympp server; both settle on our sandbox node."""

from __future__ import annotations

import pytest

from tests.interop.conftest import MERCHANT, SPLIT_TO, SPONSOR, Paid, Served, balance


@pytest.mark.parametrize("path", ["/charge", "/sponsored", "/split", "/pull-only", "/zero", "/two-offers"])
def test_pympp_pays(path: str, served: Served, pympp_pays: Paid) -> None:
    before = balance(served.rpc_url, served.recipient)
    answer = pympp_pays(served.url + path)
    assert answer["status"] == 200, answer
    reference = answer["receipt"]["reference"]
    assert served.rpc("eth_getTransactionReceipt", reference)["status"] == "0x1"
    assert (balance(served.rpc_url, served.recipient) > before) == (path != "/zero")


def test_pympp_pays_for_a_body(served: Served, pympp_pays: Paid) -> None:
    answer = pympp_pays(served.url + "/echo", BODY='{"say":"hello"}')
    assert answer["status"] == 200, answer
    assert "hello" in answer["body"]


@pytest.mark.parametrize("path", ["/charge", "/sponsored", "/split"])
def test_console_pays_a_pympp_server(path: str, served: Served, pympp_server: str, console_pays: Paid) -> None:
    before = {owner: balance(served.rpc_url, owner) for owner in (MERCHANT, SPLIT_TO, SPONSOR)}
    answer = console_pays(pympp_server + path)
    assert answer["status"] == 200, answer
    earned = {owner: balance(served.rpc_url, owner) - held for owner, held in before.items()}
    assert earned[MERCHANT] == {"/sponsored": 20_000, "/split": 20_000}.get(path, 10_000)
    assert earned[SPLIT_TO] == (10_000 if path == "/split" else 0)
    assert (earned[SPONSOR] < 0) == (path == "/sponsored")
