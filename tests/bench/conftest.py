"""Benchmarks print figures and assert nothing about time: machines differ and are shared. Read the ratios."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.interop.conftest import (  # noqa: F401 - the peers are the yardstick, so their fixtures are used here as they are
    console_pays,
    mppx_pays,
    mppx_server,
    node_folder,
    peer,
    pympp_pays,
    pympp_python,
    pympp_server,
    served,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.bench)


class Report:
    """Rows of one table, printed when its module is through."""

    def __init__(self, title: str) -> None:
        self.table = Table(title=title, title_justify="left", header_style="bold")
        for column in ("what", "who", "figure", "beside", "ratio"):
            self.table.add_column(column, justify="right" if column in {"figure", "ratio"} else "left")

    def add(self, what: str, who: str, figure: str, beside: str = "", ratio: float | None = None) -> None:
        self.table.add_row(what, who, figure, beside, "" if ratio is None else f"{ratio:.2f}x")


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Iterator[Report]:
    report = Report(request.module.__doc__.splitlines()[0].split(",")[0])
    yield report
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        Console(width=110).print(report.table)
