"""Paying: one gate for spending, and an httpx auth flow that pays any 402 through it.

The package knows no screen, no file and no profile. What it needs (rails, policy, journal, clock, somebody to ask)
comes in as arguments. Import what you need from its modules; this file stays empty so that reading a policy does not
import an HTTP client.
"""
