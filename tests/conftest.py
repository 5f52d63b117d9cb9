"""Hypothesis without a clock: how long an example takes to make or to run says nothing on a machine that does other
work.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("no-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-clock")
