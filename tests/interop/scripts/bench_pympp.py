"""Speed of pympp's own engine: challenges and credentials a second, the rail's part answered at once."""

import asyncio
import json
import os
import time

from mpp import Challenge, Credential, Receipt
from mpp.methods import Method
from mpp.server import Mpp, Request, ServerMethod
from pydantic import BaseModel


class Price(BaseModel):
    amount: str
    currency: str
    recipient: str


class Payload(BaseModel):
    type: str
    hash: str


async def verify(_context: object) -> Receipt:
    return Receipt.success("0x01", method="tempo")


PRICE = {
    "amount": "10000",
    "currency": "0x20c0000000000000000000000000000000000000",
    "recipient": "0x742d35Cc6634C0532925a3b844bC9e7595F8fE00",
}
URL = "http://api.example.com/data"


async def main() -> None:
    method = Method(name="tempo", intent="charge", request_model=Price, payload_model=Payload)
    mpp = Mpp(
        methods=[ServerMethod(method=method, verify=verify)],
        realm="api.example.com",
        secret_key="bench-secret-bench-secret-bench-secret-bench",
    )
    handle = mpp.charge(**PRICE)
    count = int(os.environ.get("COUNT", "3000"))
    for _ in range(300):
        await handle(Request("GET", URL))

    start = time.perf_counter()
    answers = [(await handle(Request("GET", URL))).challenge for _ in range(count)]
    issued = count / (time.perf_counter() - start)

    payload = {"type": "hash", "hash": "0x" + "11" * 32}
    requests = []
    for answer in answers:
        challenge = Challenge.from_www_authenticate(answer.headers["WWW-Authenticate"])
        credential = Credential(challenge=challenge.to_echo(), payload=payload)
        requests.append(Request("GET", URL, {"Authorization": credential.to_authorization()}))
    start = time.perf_counter()
    for request in requests:
        result = await handle(request)
        assert result.status == 200
    verified = count / (time.perf_counter() - start)
    print(json.dumps({"issued": issued, "verified": verified}))


asyncio.run(main())
