"""A paid server made with pympp, on the standard library's HTTP server. Prints its address as one JSON line."""

import asyncio
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mpp.methods.tempo import TempoAccount
from mpp.methods.tempo import server as tempo
from mpp.server import Mpp, Request, Response

TOKEN, RECIPIENT = os.environ["TOKEN"], os.environ["RECIPIENT"]
mpp = Mpp(
    methods=tempo.charge(
        recipient=RECIPIENT,
        chain_id=int(os.environ["CHAIN_ID"]),
        rpc_url=os.environ["RPC_URL"],
        currencies=[TOKEN],
        fee_payer=TempoAccount.from_key(os.environ["SPONSOR_KEY"]),
        fee_token=TOKEN,
    ),
    realm="127.0.0.1",
    secret_key="interop-secret-interop-secret-interop-secret",
)
OPTIONS = {
    "/charge": {"amount": "0.01"},
    "/sponsored": {"amount": "0.02", "fee_payer": True},
    "/split": {"amount": "0.03", "splits": [{"amount": "10000", "recipient": os.environ["SPLIT_TO"]}]},
}
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


async def answer(request: Request, path: str) -> Response:
    result = await mpp.charge(**OPTIONS[path])(request)
    if result.status != 200:
        return result.challenge
    return result.with_receipt(Response.json({"paid": path}))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path not in OPTIONS:
            self.send_error(404)
            return
        request = Request(
            method="GET", url=f"http://{self.headers['Host']}{self.path}", headers=dict(self.headers), body=b""
        )
        response = asyncio.run_coroutine_threadsafe(answer(request, self.path), loop).result(60)
        body = response.body or b""
        self.send_response(response.status)
        for name, value in response.headers.multi_items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Standard output belongs to the address line."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
server.serve_forever()
