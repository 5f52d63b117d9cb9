"""Channels as tests need them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mpp_console.methods.tempo.channels import RESERVE, Descriptor
from mpp_console.methods.tempo.client_channel import ClientChannel
from mpp_console.methods.tempo.networks import SANDBOX
from mpp_console.protocol import ChannelState

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PAYER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
PAYEE = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"
TOKEN = SANDBOX.default_token


def descriptor(number: int = 1, **changes: Any) -> Descriptor:
    values: dict[str, Any] = {
        "payer": PAYER,
        "payee": PAYEE,
        "operator": "0x" + "0" * 40,
        "token": TOKEN,
        "salt": f"0x{number:064x}",
        "authorized_signer": "0x" + "0" * 40,
        "expiring_nonce_hash": "0x" + "ab" * 32,
    }
    return Descriptor(**(values | changes))


def a_channel(number: int = 1, *, payee: str = PAYEE, **changes: Any) -> ClientChannel:
    made = descriptor(number, payee=payee)
    values: dict[str, Any] = {
        "channel_id": made.channel_id(chain_id=SANDBOX.chain_id),
        "protocol": "v2",
        "state": ChannelState.ACTIVE,
        "network": "sandbox",
        "chain_id": SANDBOX.chain_id,
        "escrow": RESERVE,
        "payer": made.payer,
        "payee": made.payee,
        "token": made.token,
        "currency": SANDBOX.currency(TOKEN),
        "salt": made.salt,
        "expiring_nonce_hash": made.expiring_nonce_hash,
        "created_at": START,
        "updated_at": START,
        "last_used_at": START,
        "origin": "https://shop.example",
        "url": "https://shop.example/chat",
        "deposit": 1_000_000,
    }
    return ClientChannel(**(values | changes))
