"""Hypothesis without a deadline: how long one example takes says nothing on a machine that does other work."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
