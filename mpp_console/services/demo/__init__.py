"""The demo state: a sandbox with a past, the same every time, to try everything on and to report bugs from.

`seeds` holds the values, `chain` and `past` write them through the same code that writes real ones, `opening` gives an
opened console over them. Nothing here runs unless somebody asks for the demo, and nothing leaves its folder.
"""

from __future__ import annotations
