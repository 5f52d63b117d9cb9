"""Header fields that are merged, added and kept back."""

from __future__ import annotations

import pytest

from mpp_console.server.fields import exposed, paid_fields, private_cache_control, values_of


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "private"),
        (["no-store"], "no-store, private"),
        (["public, max-age=60"], "max-age=60, private"),
        (["PUBLIC", "S-MaxAge=9, must-revalidate"], "must-revalidate, private"),
        (["private"], "private"),
        (['private="x-a, x-b", max-age=1'], "max-age=1, private"),
        (['no-cache="x-a, x-b"'], 'no-cache="x-a, x-b", private'),
        ([" , ,"], "private"),
    ],
)
def test_caching_is_made_private(given: list[str], expected: str) -> None:
    assert private_cache_control(given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "WWW-Authenticate, Payment-Receipt"),
        (["X-Own"], "X-Own, WWW-Authenticate, Payment-Receipt"),
        (["x-own, payment-receipt"], "x-own, payment-receipt, WWW-Authenticate"),
        (["*"], "*, WWW-Authenticate, Payment-Receipt"),
    ],
)
def test_payment_fields_are_exposed(given: list[str], expected: str) -> None:
    assert exposed(given) == expected


@pytest.mark.parametrize("status", [100, 301, 304, 400, 402, 404, 500, 503])
def test_no_receipt_leaves_with_anything_but_success(status: int) -> None:
    fields = paid_fields([("payment-receipt", "forged"), ("Cache-Control", "public")], status=status, receipt="r")
    assert fields == [("Cache-Control", "public")]


@pytest.mark.parametrize("status", [200, 201, 204, 206, 299])
def test_the_receipt_replaces_one_that_the_handler_set(status: int) -> None:
    fields = paid_fields(
        [("payment-receipt", "forged"), ("Set-Cookie", "a"), ("Set-Cookie", "b")], status=status, receipt="r"
    )
    assert values_of(fields, "Payment-Receipt") == ["r"]
    assert values_of(fields, "set-cookie") == ["a", "b"]
    assert values_of(fields, "cache-control") == ["private"]
