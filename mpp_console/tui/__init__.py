"""The Textual application: modes, screens, widgets, styles. It speaks to `mpp_console.services` and to nothing below
it.

Only `mpp_console.tui.app` is meant to be imported from outside, and only when a screen is really wanted.
"""
