from __future__ import annotations

import pytest

from mpp_console.protocol import AccountDid, FormatError, ParseError, format_account_did, parse_account_did

ADDRESS = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1"


def test_comes_back() -> None:
    text = format_account_did(42431, ADDRESS)
    assert text == f"did:pkh:eip155:42431:{ADDRESS}"
    assert parse_account_did(text) == AccountDid(chain_id=42431, address=ADDRESS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "did:pkh:eip155:01:" + ADDRESS,
        "did:pkh:eip155:1:0x12",
        "did:key:z6Mk",
        f"did:pkh:eip155:-1:{ADDRESS}",
        f"did:pkh:eip155:1:{ADDRESS}0",
        f"DID:pkh:eip155:1:{ADDRESS}",
        f"did:pkh:eip155:1:{ADDRESS}\n",
        f"did:pkh:eip155:{'9' * 40}:{ADDRESS}",
    ],
)
def test_refuses_the_rest(text: str) -> None:
    with pytest.raises(ParseError):
        parse_account_did(text)


def test_does_not_write_what_it_would_not_read() -> None:
    for chain_id, address in ((-1, ADDRESS), (1, "0x12"), (1, ADDRESS[2:])):
        with pytest.raises(FormatError):
            format_account_did(chain_id, address)
