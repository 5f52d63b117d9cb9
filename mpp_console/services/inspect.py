"""Inspection of a URL for the front ends: one unpaid request, every offer decoded, no key and no payment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpp_console.inspector import InspectFinding, InspectOffer, InspectReport
from mpp_console.services.errors import RequestFailed
from mpp_console.services.models import PayRequest
from mpp_console.services.once import load
from mpp_console.services.requests import checked_request, request_error

if TYPE_CHECKING:
    from mpp_console.services.engine import Engine

__all__ = ["InspectFinding", "InspectOffer", "InspectReport", "inspect_url"]


async def inspect_url(engine: Engine, request: PayRequest) -> InspectReport:
    """Requests the URL once. Raises UsageError for what cannot be requested, RequestFailed when no answer came."""
    request = checked_request(request)
    await load("mpp_console.inspector.probe", "mpp_console.methods.tempo.payer")
    import httpx

    from mpp_console.inspector.probe import probe

    http = await engine.http.get()
    payers = await engine.quoting_payers(request.account)
    try:
        return await probe(
            request.url,
            http=http,
            payers=payers,
            clock=engine.clock,
            counter=engine.counter,
            method=request.method,
            headers=request.headers,
            body=request.body,
            follow_redirects=request.follow_redirects,
            patience=request.timeout,
        )
    except TimeoutError:
        raise RequestFailed(
            "the answer did not end in time", code="timeout", hint="allow more with --timeout"
        ) from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise request_error(error, request.url) from error
