"""Keyrings of every kind: one that works as a desktop's does, and those that must not be trusted with a key."""

from __future__ import annotations

from typing import ClassVar

from keyring.backend import KeyringBackend


class MemoryKeyring(KeyringBackend):
    """A keyring that works, as a desktop's does."""

    priority: ClassVar[float] = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class Forgetful(MemoryKeyring):
    def get_password(self, service: str, username: str) -> str | None:
        return None


class Clinging(MemoryKeyring):
    def delete_password(self, service: str, username: str) -> None:
        pass


class Locked(MemoryKeyring):
    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError("locked, and the value was " + password)


class PlaintextKeyring(MemoryKeyring):
    pass


class NotRecommended(MemoryKeyring):
    priority: ClassVar[float] = 0.5


class Alternative(MemoryKeyring):
    pass


Alternative.__module__ = "keyrings.alt.file"


class LosesWrites(MemoryKeyring):
    def set_password(self, service: str, username: str, password: str) -> None:
        pass
