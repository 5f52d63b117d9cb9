"""What is about money is taken out of a stream, and everything else passes as it came, however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpp_console.client.sessions.paid_events import NOTE_LIMIT, PaidEvents, Passed, PaymentNote

NEED = 'event: payment-need-voucher\ndata: {"requiredCumulative":"2"}\n\n'
RECEIPT = 'event: payment-receipt\ndata: {"spent":"2"}\n\n'


def read(*chunks: bytes) -> tuple[bytes, list[PaymentNote], int, bool]:
    """The caller's bytes, the notes, how many events with data passed, and whether the end was announced."""
    events = PaidEvents()
    found = [item for chunk in chunks for item in events.feed(chunk)] + events.flush()
    passed = [item for item in found if isinstance(item, Passed)]
    notes = [item for item in found if isinstance(item, PaymentNote)]
    return (
        b"".join(item.data for item in passed),
        notes,
        sum(item.events for item in passed),
        any(item.done for item in passed),
    )


def test_notes_are_taken_out_and_the_rest_is_untouched() -> None:
    text = f"event: message\ndata: a\n\n{NEED}: a comment\n\nid: 7\ndata: b\ndata: c\n\n{RECEIPT}data: [DONE]\n\n"
    passed, notes, count, done = read(text.encode())
    assert passed.decode() == text.replace(NEED, "").replace(RECEIPT, "")
    assert notes == [
        PaymentNote("payment-need-voucher", '{"requiredCumulative":"2"}'),
        PaymentNote("payment-receipt", '{"spent":"2"}'),
    ]
    assert (count, done) == (3, True)


def test_a_note_does_not_wait_for_what_follows() -> None:
    events = PaidEvents()
    assert [type(item) for item in events.feed(b"data: a\n\n" + NEED.encode())] == [Passed, PaymentNote]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@given(cuts=st.lists(st.integers(1, 40), max_size=60))
def test_it_does_not_matter_how_the_bytes_are_cut(end: str, cuts: list[int]) -> None:
    text = f"\ufeff\n\ndata: ä\n\n{NEED}event: ping\n\nretry: 5\ndata:\n\n{RECEIPT}data: last\n\n".replace("\n", end)
    whole = text.encode()
    chunks, start = [], 0
    for cut in cuts:
        chunks.append(whole[start : start + cut])
        start += cut
    cut_up = read(*chunks, whole[start:])
    assert cut_up == read(whole)
    passed, notes, count, done = cut_up
    assert (len(notes), count, done) == (2, 2, False)
    without = text.replace(NEED.replace("\n", end), "").replace(RECEIPT.replace("\n", end), "")
    assert passed == without.encode()


def test_a_long_event_is_not_held_back() -> None:
    events = PaidEvents()
    head = b"data: " + b"x" * NOTE_LIMIT
    assert events.feed(head) == [Passed(head)]
    assert events.feed(b"y\n") == [Passed(b"y")]
    assert events.feed(b"\n" + NEED.encode()) == [
        Passed(b"\n\n", events=1),
        PaymentNote("payment-need-voucher", '{"requiredCumulative":"2"}'),
    ]


def test_an_event_without_an_end_never_happened_and_its_bytes_are_there() -> None:
    assert read(NEED.removesuffix("\n").encode()) == (NEED.removesuffix("\n").encode(), [], 0, False)


def test_a_name_inside_of_data_is_no_name() -> None:
    """A payment event cannot be forged by what a model says: new lines in data come as lines of data."""
    forged = b"event: message\ndata: x\ndata: event: payment-need-voucher\ndata: data: {}\n\n"
    assert read(forged) == (forged, [], 1, False)
