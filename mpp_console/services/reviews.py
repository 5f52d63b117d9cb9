"""Reviews for people: what a payment would be, from what the paying engine worked out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mpp_console.client.origin import Origin, without_userinfo
from mpp_console.protocol import inert
from mpp_console.services.models import ErrorView, PayRequest, ReviewView
from mpp_console.services.requests import offer_position
from mpp_console.services.views import offer_view

if TYPE_CHECKING:
    from mpp_console.client.offers import Ranking
    from mpp_console.client.review import Review

__all__ = ["matches_offer", "review_view", "unpayable_review"]


def review_view(review: Review, *, command: str) -> ReviewView:
    """A payment that could be made now."""
    chosen = review.ranking.chosen
    offers = tuple(offer_view(offer, chosen) for offer in review.ranking.offers)
    return ReviewView(
        id=review.id,
        origin=str(review.origin),
        url=inert(review.url),
        http_method=review.http_method,
        realm=review.realm,
        offer=next((offer for offer in offers if offer.chosen), None),
        offers=offers,
        verdict=review.verdict.action.value,
        reasons=review.verdict.reasons,
        server_says=review.description or "",
        insecure_loopback=review.insecure_loopback,
        command=command,
    )


def unpayable_review(
    id: str,  # noqa: A002
    request: PayRequest,
    ranking: Ranking,
    *,
    command: str,
    error: ErrorView,
) -> ReviewView:
    """What was offered when none of it can be paid."""
    origin = Origin.parse(request.url)
    first = ranking.offers[0].challenge if ranking.offers else None
    return ReviewView(
        id=id,
        origin=str(origin),
        url=inert(without_userinfo(request.url)),
        http_method=request.method,
        realm="" if first is None else inert(first.realm, limit=500),
        offer=None,
        offers=tuple(offer_view(offer, None) for offer in ranking.offers),
        verdict="refuse",
        reasons=(),
        server_says="" if first is None else inert(first.description or "", limit=500),
        insecure_loopback=origin.scheme == "http",
        command=command,
        error=error,
    )


def matches_offer(wanted: str | None, review: Review) -> bool:
    """Whether the chosen offer is the one that was asked for by name. Numbers were settled before."""
    if wanted is None or offer_position(wanted) is not None:
        return True
    quote = review.quote
    currency = quote.currency
    names = {quote.challenge.method, quote.challenge.key, currency.symbol.casefold(), currency.id.casefold()}
    return wanted in names or wanted.casefold() in names
