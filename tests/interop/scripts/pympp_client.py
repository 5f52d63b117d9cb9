"""Pays one URL with pympp. Prints {status, receipt, body} as one JSON line.

With COUNT it pays that many times, one after the other, and prints {rate} in payments a second.
"""

import asyncio
import json
import os
import time

from mpp import Receipt
from mpp.client import Mpp
from mpp.methods.tempo import TempoAccount
from mpp.methods.tempo.client import charge


async def main() -> None:
    method = charge(
        account=TempoAccount.from_key(os.environ["PRIVATE_KEY"]),
        chain_id=int(os.environ["CHAIN_ID"]),
        rpc_url=os.environ["RPC_URL"],
    )
    target = os.environ["TARGET"]
    origin = "/".join(target.split("/")[:3])
    body = os.environ.get("BODY")
    options = {"content": body, "headers": {"content-type": "application/json"}} if body else {}
    async with Mpp(methods=[method], trusted_tempo_realms={origin: "127.0.0.1"}) as mpp:
        count = int(os.environ.get("COUNT", "0"))
        if count:
            await mpp.fetch(target)
            start = time.perf_counter()
            for _ in range(count):
                response = await mpp.fetch(target)
                assert response.status_code == 200, response.text
            print(json.dumps({"rate": count / (time.perf_counter() - start)}))
            return
        response = await mpp.fetch(target, method="POST" if body else "GET", **options)
    header = response.headers.get("payment-receipt")
    receipt = Receipt.from_payment_receipt(header) if header else None
    print(
        json.dumps(
            {
                "status": response.status_code,
                "receipt": {"reference": receipt.reference} if receipt else None,
                "body": response.text,
            }
        )
    )


asyncio.run(main())
