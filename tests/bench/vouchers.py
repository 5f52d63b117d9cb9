"""Vouchers signed and verified a second: ours, and eth-account's general machinery, which pympp signs with too.

COUNT=1000 python -m tests.bench.vouchers
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data

from mpp_console.methods.tempo.channels import RESERVE
from mpp_console.methods.tempo.keys import LocalSigner
from mpp_console.methods.tempo.vouchers import VoucherDomain
from mpp_console.protocol import Secret

CHANNEL = "0x" + "ab" * 32
SIGNER = LocalSigner(Secret(b"\x01" * 32))
TYPES = {"Voucher": [{"name": "channelId", "type": "bytes32"}, {"name": "cumulativeAmount", "type": "uint96"}]}
DOMAIN = {"name": "TIP20 Channel Reserve", "version": "1", "chainId": 1337, "verifyingContract": RESERVE}


def rate(count: int, work: Callable[[int], object]) -> float:
    for number in range(count // 10):
        work(number)
    start = time.perf_counter()
    for number in range(count):
        work(number)
    return count / (time.perf_counter() - start)


def ours(count: int) -> dict[str, float]:
    domain = VoucherDomain.reserve(1337)
    signatures = [domain.sign(SIGNER, CHANNEL, number) for number in range(count)]

    def verify(number: int) -> None:
        if not domain.signed_by(SIGNER.address, CHANNEL, number, signatures[number]):
            raise RuntimeError("not verified")

    return {
        "signed": rate(count, lambda number: domain.sign(SIGNER, CHANNEL, number)),
        "verified": rate(count, verify),
    }


def eth_account(count: int) -> dict[str, float]:
    account = Account.from_key(b"\x01" * 32)

    def message(number: int) -> Any:
        content = {"channelId": bytes.fromhex(CHANNEL[2:]), "cumulativeAmount": number}
        return encode_typed_data(DOMAIN, TYPES, content)

    def sign(number: int) -> Any:
        return account.sign_message(message(number)).signature

    signatures = [sign(number) for number in range(count)]

    def verify(number: int) -> None:
        if Account.recover_message(message(number), signature=signatures[number]) != account.address:
            raise RuntimeError("not verified")

    return {"signed": rate(count, sign), "verified": rate(count, verify)}


if __name__ == "__main__":
    count = int(os.environ.get("COUNT", "1000"))
    print(json.dumps({"mpp-console": ours(count), "eth-account": eth_account(count // 4)}))
