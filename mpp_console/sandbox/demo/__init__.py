"""A paid API to pay: one route for each shape of a charge, routes that fail on purpose, and what a person adds.

`DemoApi` is an ASGI application over a `Gate`; `catalogue` says what costs what, `content` makes what is sold, `own`
adds a person's routes, `faults` breaks things, `recording` keeps what was said. It charges for real on whatever chain
it is given; the sandbox gives it play money.
"""

from __future__ import annotations

from mpp_console.sandbox.demo.api import DemoApi, DemoEvent
from mpp_console.sandbox.demo.catalogue import DemoRoute
from mpp_console.sandbox.demo.faults import Fault
from mpp_console.sandbox.demo.own import OwnRoute
from mpp_console.sandbox.demo.recording import Exchange

__all__ = ["DemoApi", "DemoEvent", "DemoRoute", "Exchange", "Fault", "OwnRoute"]
