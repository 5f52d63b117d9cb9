"""Scenes of the wallet mode."""

from __future__ import annotations

from tests.tui.scenes.scene import Scene, empty, mainnet

MODE = Scene()
"""The mode as it is entered; drawn at every size."""

SCENES: dict[str, Scene] = {
    "wallet-empty": Scene(console=empty),
    "wallet-mainnet": Scene(console=mainnet),
    "wallet-privacy": Scene(keys=("asterisk",)),
    "wallet-high-contrast": Scene(theme="console-high-contrast"),
}
