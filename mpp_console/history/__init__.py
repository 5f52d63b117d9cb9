"""What was paid, what was earned and what was served, kept in one SQLite file: journal, queries, export.

`HistoryJournal` is what the payment engine writes through; `HistoryQueries` is what screens read; both work on a
`Database`. Importing this loads sqlite3 and nothing heavier.
"""

from __future__ import annotations

from mpp_console.history.database import Database
from mpp_console.history.errors import (
    DuplicateRow,
    HistoryBusy,
    HistoryClosed,
    HistoryDamaged,
    HistoryError,
    HistoryTooNew,
    MalformedRow,
    UnknownRow,
)
from mpp_console.history.export import ExportCancelled, Exported, ExportJob, export_to_file, export_to_stream
from mpp_console.history.export_writers import FIELDS, Format
from mpp_console.history.filters import Filter
from mpp_console.history.journal import HistoryJournal
from mpp_console.history.orders import Order, OrderKey
from mpp_console.history.pruning import RequestLimits
from mpp_console.history.queries import PAGE_LIMIT, HistoryQueries
from mpp_console.history.records import (
    Cursor,
    OperationRow,
    Page,
    ReceiptRow,
    RequestRecord,
    RequestRow,
    SpendBucket,
    Total,
)

__all__ = [
    "FIELDS",
    "PAGE_LIMIT",
    "Cursor",
    "Database",
    "DuplicateRow",
    "ExportCancelled",
    "ExportJob",
    "Exported",
    "Filter",
    "Format",
    "HistoryBusy",
    "HistoryClosed",
    "HistoryDamaged",
    "HistoryError",
    "HistoryJournal",
    "HistoryQueries",
    "HistoryTooNew",
    "MalformedRow",
    "OperationRow",
    "Order",
    "OrderKey",
    "Page",
    "ReceiptRow",
    "RequestLimits",
    "RequestRecord",
    "RequestRow",
    "SpendBucket",
    "Total",
    "UnknownRow",
    "export_to_file",
    "export_to_stream",
]
