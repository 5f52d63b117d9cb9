"""A Tempo node on loopback: real transactions, tokens, fees and logs, over a SQLite file that several processes may
share.
"""

from mpp_console.sandbox.node.app import SandboxNode
from mpp_console.sandbox.node.chain import CHAIN_ID, FAUCET_AMOUNT
from mpp_console.sandbox.node.ledger import SandboxStateError

__all__ = ["CHAIN_ID", "FAUCET_AMOUNT", "SandboxNode", "SandboxStateError"]
