from __future__ import annotations

from mpp_console.protocol import DiscoveryOffer, PaidOperation, openapi_document

OFFER = DiscoveryOffer(method="tempo", intent="charge", amount=2**70, currency="0x20c0", description="One call")


def test_describes_paid_and_free_routes() -> None:
    document = openapi_document(
        title="Demo",
        version="1",
        description="A demo",
        server_url="http://127.0.0.1:1",
        categories=["data"],
        docs={"homepage": "/"},
        operations=[
            PaidOperation(path="/free"),
            PaidOperation(
                path="/echo",
                http_method="POST",
                offers=[OFFER, DiscoveryOffer(method="tempo", intent="session", amount=None)],
                summary="Echo",
            ),
            PaidOperation(path="/echo"),
        ],
    )
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Demo", "version": "1", "description": "A demo"}
    assert document["servers"] == [{"url": "http://127.0.0.1:1"}]
    assert document["x-service-info"] == {"categories": ["data"], "docs": {"homepage": "/"}}
    assert document["paths"]["/free"]["get"] == {"responses": {"200": {"description": "The resource"}}}
    assert set(document["paths"]["/echo"]) == {"post", "get"}
    paid = document["paths"]["/echo"]["post"]
    assert paid["summary"] == "Echo"
    assert paid["x-payment-info"] == {
        "offers": [
            {
                "method": "tempo",
                "intent": "charge",
                "amount": str(2**70),
                "currency": "0x20c0",
                "description": "One call",
            },
            {"method": "tempo", "intent": "session", "amount": None},
        ]
    }
    assert set(paid["responses"]) == {"200", "402"}
    assert paid["requestBody"]["content"]["application/json"] == {"schema": {}}


def test_says_no_more_than_it_was_told() -> None:
    assert openapi_document(title="T", version="1", operations=[]) == {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "paths": {},
    }
