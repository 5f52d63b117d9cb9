"""How a payment by session would be made, for people: from the details of its quote. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from mpp_console.protocol import inert
from mpp_console.services.session_models import SessionPlanView

__all__ = ["plan_view"]

_PLANS: Final[Mapping[str, Literal["open", "top-up", "voucher"]]] = {
    "open": "open",
    "topup+voucher": "top-up",
    "voucher": "voucher",
}


def plan_view(details: Mapping[str, Any]) -> SessionPlanView | None:
    """The plan of a session payment from the details of its quote; None where there is no plan."""
    plan = _PLANS.get(str(details.get("plan")))
    if plan is None:
        return None
    return SessionPlanView(
        plan=plan,
        escrow=str(details["escrow"]),
        channel_id=details["channel_id"],
        voucher_before=details["voucher_before"],
        voucher=details["voucher"],
        locks=details["locks"],
        deposit_before=details["deposit_before"],
        deposit=details["deposit"],
        protocol="v1" if details.get("protocol") == "v1" else "v2",
        unit=inert(details.get("unit") or "", limit=64),
    )
