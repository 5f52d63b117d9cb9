"""Which request belongs to which route."""

from __future__ import annotations

import pytest

from mpp_console.server import Offer, Route, RouteTable
from tests.server.doubles import TestPayee


@pytest.mark.parametrize(
    ("pattern", "method", "path", "expected"),
    [
        ("/a", "GET", "/a", True),
        ("/a", "HEAD", "/a", True),
        ("/a", "OPTIONS", "/a", False),
        ("/a", "POST", "/a", False),
        ("/a", "GET", "/a/", False),
        ("/a", "GET", "//a", False),
        ("/a", "GET", "/A", False),
        ("/a.b", "GET", "/axb", False),
        ("/a/{x}", "GET", "/a/1", True),
        ("/a/{x}", "GET", "/a/", False),
        ("/a/{x}", "GET", "/a/1/2", False),
        ("/a/{x}/c", "GET", "/a/\n/c", True),
        ("/a/{rest:path}", "GET", "/a/1/2", True),
        ("/a/{rest:path}", "GET", "/a/\n", True),
    ],
)
def test_matching(pattern: str, method: str, path: str, expected: bool) -> None:
    assert Route(method="GET", path=pattern).matches(method, path) is expected


def test_the_first_route_decides() -> None:
    dear = Offer(payee=TestPayee(), amount=9)
    special, rest = Route(method="GET", path="/a/b"), Route(method="GET", path="/a/{x}", offers=(dear,))
    table = RouteTable([special, rest])
    assert table.match("GET", "/a/b") is special
    assert table.match("GET", "/a/c") is rest
    assert table.match("GET", "/z") is None
    assert len(table) == len(list(table)) == 2


@pytest.mark.parametrize(
    ("method", "path"), [("get", "/a"), ("GET", "a"), ("GET", "/a/{x"), ("GET", "/a/{x:int}"), ("GET", "/a/{}")]
)
def test_a_route_that_cannot_match_is_refused(method: str, path: str) -> None:
    with pytest.raises(ValueError, match=r"route|parameter"):
        Route(method=method, path=path)


def test_an_offer_that_the_rail_refuses_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="negative"):
        Offer(payee=TestPayee(), amount=-1)
