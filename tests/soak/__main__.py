"""See the package."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.soak.run import Plan, soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Payment channels under kill -9.")
    for name, value, told in (
        ("channels", 50, "customers, each with a channel of its own"),
        ("vouchers", 10_000, "paid requests in all"),
        ("processes", 5, "processes that the customers are spread over"),
        ("kills", 60, "kill -9 of the shop or of customers, spread over the run"),
        ("seed", 1, "chooses the victims and the moments"),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{told} (default {value})")
    parser.add_argument("--protocol", choices=["v1", "v2"], default="v2", help="of the sessions (default v2)")
    parser.add_argument("--folder", type=Path, help="where files are kept; a temporary folder by default")
    chosen = vars(parser.parse_args())
    folder = chosen.pop("folder")
    with tempfile.TemporaryDirectory() as temporary:
        report = asyncio.run(soak(Plan(**chosen), folder or Path(temporary), say=lambda line: print(line, flush=True)))
    print(report)
    return 0 if report.balanced else 1


if __name__ == "__main__":
    sys.exit(main())
