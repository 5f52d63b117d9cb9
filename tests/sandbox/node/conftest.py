"""A fresh chain for each test."""

from __future__ import annotations

import pytest

from tests.sandbox.node.chains import ALICE, BOB, Chain


@pytest.fixture
def chain() -> Chain:
    """A chain in memory with money for Alice and Bob."""
    chain = Chain()
    chain.fund(ALICE, BOB)
    return chain
