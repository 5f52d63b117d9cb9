"""Where a payee keeps its channels: in memory, or in the file of a SQLite store."""

from mpp_console.methods.tempo.session_record import ChannelRecord, ChannelState, ChannelStore, Versioned

from .memory import MemoryChannels
from .sqlite import SqliteChannels

__all__ = ["ChannelRecord", "ChannelState", "ChannelStore", "MemoryChannels", "SqliteChannels", "Versioned"]
