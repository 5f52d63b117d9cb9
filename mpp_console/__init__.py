"""A wallet, an operator console and a library for the Machine Payments Protocol."""

__version__ = "0.1.0"
