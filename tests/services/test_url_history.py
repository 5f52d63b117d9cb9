"""URLs that were inspected are remembered, in order, for their owner only, and without secrets."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.services.url_history import MOST, UrlHistory, VisitedUrl, without_secrets


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.example/v1?q=tempo&limit=5", "https://api.example/v1?q=tempo&limit=5"),
        ("https://me:pw@api.example/x#frag", "https://api.example/x"),
        ("https://a.example/?api_key=abc&q=1", "https://a.example/?api_key=…&q=1"),
        ("https://a.example/?apiKey=abc", "https://a.example/?apiKey=…"),
        ("https://a.example/?access_token=1&accessToken=2", "https://a.example/?access_token=…&accessToken=…"),
        ("https://a.example/?X-Amz-Signature=aa&sig=bb&key=cc", "https://a.example/?X-Amz-Signature=…&sig=…&key=…"),
        ("https://a.example/?password=&token", "https://a.example/?password=&token"),
        ("https://a.example/?id=sk_live_4eC39HqLyjWDarjtT1zdp7dc", "https://a.example/?id=…"),
        ("https://a.example/?sk_live_4eC39HqLyjWDarjtT1zdp7dc", "https://a.example/?…"),
        ("https://a.example/?keyword=cats&monkey=1&design=2", "https://a.example/?keyword=cats&monkey=1&design=2"),
        ("https://a.example/?to=0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
         "https://a.example/?to=0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ("https://a.example/?token=%73ecret", "https://a.example/?token=…"),
    ],
)  # fmt: skip
def test_secrets_are_left_out(url: str, kept: str) -> None:
    assert without_secrets(url) == kept


@given(st.text(max_size=200))
def test_leaving_secrets_out_takes_any_text_and_is_done_once(text: str) -> None:
    assert without_secrets(without_secrets(text)) == without_secrets(text)


async def test_the_newest_comes_first_and_once(tmp_path: Path) -> None:
    history = UrlHistory(tmp_path / "deep" / "urls.json")
    assert await history.recent() == ()
    for url in ("https://a.example/", "https://b.example/", "https://a.example/"):
        await history.add(url, "POST" if "b." in url else "GET")
    assert await history.recent() == (
        VisitedUrl(url="https://a.example/"),
        VisitedUrl(url="https://b.example/", method="POST"),
    )
    assert await UrlHistory(tmp_path / "deep" / "urls.json").recent() == await history.recent()


async def test_the_file_is_its_owners_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "urls.json"
    history = UrlHistory(path)
    for number in range(MOST + 5):
        await history.add(f"https://a.example/{number}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    urls = await UrlHistory(path).recent()
    assert len(urls) == MOST
    assert urls[0].url.endswith(f"/{MOST + 4}")
    assert [entry.name for entry in tmp_path.iterdir()] == ["urls.json"]


@pytest.mark.parametrize(
    "text",
    ["ftp://a.example/", "not a url", "https://", "https://a.example/\x1b[31m", "https://a/" + "x" * 3000, "http://["],
)
async def test_what_is_no_url_is_not_kept(tmp_path: Path, text: str) -> None:
    history = UrlHistory(tmp_path / "urls.json")
    await history.add(text)
    assert await history.recent() == ()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"url": 1}', b'[{"url": 5}]', b'[{"url": "javascript:x"}]', b"\xff\xfe", b"[]" + b" " * 3_000_000],
)
async def test_a_file_that_cannot_be_read_counts_as_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "urls.json"
    path.write_bytes(content)
    history = UrlHistory(path)
    assert await history.recent() == ()
    await history.add("https://a.example/")
    assert len(await UrlHistory(path).recent()) == 1


async def test_all_is_forgotten_when_asked(tmp_path: Path) -> None:
    history = UrlHistory(tmp_path / "urls.json")
    await history.add("https://a.example/")
    await history.clear()
    assert await history.recent() == ()
    assert await UrlHistory(tmp_path / "urls.json").recent() == ()
