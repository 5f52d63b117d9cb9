"""The application layer: what a person does with the console, as async calls and events. Both front ends use this and
nothing else.

Importing this package is cheap: no HTTP client, chain library, web server or database is loaded before a call needs it.
"""

from mpp_console.services.console import Console
from mpp_console.services.events import EventBus

__all__ = ["Console", "EventBus"]
