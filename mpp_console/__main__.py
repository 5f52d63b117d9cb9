"""`python -m mpp_console`: the same as the `mpp-console` script."""

from __future__ import annotations

from mpp_console.cli import main

if __name__ == "__main__":
    main()
