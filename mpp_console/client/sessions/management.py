"""Speaking to a session's server beside the paid request: a HEAD for a fresh challenge, an empty POST for a credential
(a HEAD for a voucher, where the URL has a query).

Implements `methods.tempo.session_ports.Management` over httpx. Follows no redirect and sends no header of anybody
else's: a credential goes to the very resource that asked for the channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import httpx

from mpp_console.client.answers import Wire, read_body, read_challenges, read_problem
from mpp_console.client.carrier import seal
from mpp_console.client.exchange import BODY_PATIENCE
from mpp_console.client.origin import Origin
from mpp_console.client.receipts import read_receipt
from mpp_console.methods.tempo.session_ports import ManagementAnswer, ManagementFailed
from mpp_console.protocol import PAYMENT_RECEIPT, Challenge, Credential, MppError

__all__ = ["PAYMENT_SESSION", "HttpManagement"]

_NO_HEAD = (404, 405, 501)
"""Answers of servers that have no HEAD at a resource."""

PAYMENT_SESSION = "Payment-Session"
"""The field that names the channel, so that the server can answer with what it knows of it."""


class HttpManagement:
    """Management requests through clients that `connect` opens; they must not follow redirects nor pay."""

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]) -> None:
        self._connect = connect

    async def probe(self, url: str, channel_id: str) -> Sequence[Challenge]:
        """See `Management`. A server that knows no HEAD there is asked by an empty POST."""
        for method in ("HEAD", "POST"):
            request = httpx.Request(method, _secure(url), headers={PAYMENT_SESSION: channel_id})
            answer = await self._send(request, Wire())
            asked = read_challenges(answer)
            if asked is not None and asked.challenges:
                return asked.challenges
        return ()

    async def post(self, url: str, credential: Credential) -> ManagementAnswer:
        """See `Management`."""
        # An empty POST to a URL with a query may be the resource itself, and would be charged for; HEAD never is.
        bare = credential.payload.get("action") == "voucher" and bool(httpx.URL(url).query)
        answer = await self._carry("HEAD" if bare else "POST", url, credential)
        if bare and answer.status_code in _NO_HEAD:
            answer = await self._carry("POST", url, credential)
        receipt, _ = read_receipt(answer.headers.get(PAYMENT_RECEIPT))
        asked = read_challenges(answer)
        return ManagementAnswer(
            status=answer.status_code,
            receipt=receipt,
            problem=None if answer.is_success else read_problem(answer.content),
            challenges=() if asked is None else asked.challenges,
        )

    async def _carry(self, method: str, url: str, credential: Credential) -> httpx.Response:
        wire = Wire()
        headers = {"Content-Length": "0"} if method == "POST" else {}
        request = httpx.Request(method, _secure(url), headers=headers, extensions={"trace": wire.trace})
        sealed = seal(request, credential.challenge.credential_header, credential.to_header())
        try:
            return await self._send(request, wire)
        finally:
            sealed.discard()

    async def _send(self, request: httpx.Request, wire: Wire) -> httpx.Response:
        try:
            async with self._connect() as client:
                answer = await client.send(request, stream=True, auth=None, follow_redirects=False)
                try:
                    await read_body(answer, patience=BODY_PATIENCE)
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            raise ManagementFailed(
                f"the server could not be asked: {type(error).__name__}",
                left=not wire.never_left,
                hint="is it running? try again when it answers",
            ) from error
        return answer


def _secure(url: str) -> str:
    """The URL. Raises ManagementFailed for one that no credential may go to."""
    try:
        origin = Origin.parse(url)
    except MppError as error:
        raise ManagementFailed(f"the channel has no usable address: {error.message}", left=False) from error
    if not origin.is_secure:
        raise ManagementFailed(f"{origin} is not a secure origin", left=False)
    return url
