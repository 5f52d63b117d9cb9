"""Looks at paid URLs without paying: probe, decode every offer, and say what is wrong with them."""

from mpp_console.inspector.report import InspectLeg, InspectOffer, InspectReport, LegPhase, UnreadableOffer
from mpp_console.inspector.rule import InspectFinding

__all__ = ["InspectFinding", "InspectLeg", "InspectOffer", "InspectReport", "LegPhase", "UnreadableOffer"]
