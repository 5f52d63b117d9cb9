"""Looks at paid URLs without paying: probe, decode every offer, and say what is wrong with them."""

from mpp_console.inspector.report import InspectFinding, InspectOffer, InspectReport

__all__ = ["InspectFinding", "InspectOffer", "InspectReport"]
