"""Profiles: which network a console is opened on, from the built-in table and the settings. Pure; connects to
nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from mpp_console.methods.tempo.networks import NETWORKS, Network, Token, custom_network
from mpp_console.protocol import MppError
from mpp_console.services.errors import SettingsError, UnknownProfile, UsageError
from mpp_console.services.models import ProfileView
from mpp_console.services.settings import NetworkSettings, Settings, TokenSettings

__all__ = ["Profile", "find_profile", "profile_names"]

_ALIASES = {"testnet": "moderato", "tempo": "mainnet"}
_LABELS = {"sandbox": "Sandbox", "moderato": "Tempo Moderato testnet", "mainnet": "Tempo mainnet"}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A network and how it is presented. The sandbox has no RPC address until its node runs.

    `badge` replaces the word that the screens show for the kind of network. `option` is what opens it on the command
    line, where its name does not.
    """

    name: str
    network: Network
    label: str
    badge: str = ""
    option: str = ""

    @property
    def called(self) -> str:
        """What `command_line` needs to open the same."""
        return self.option or self.name

    @property
    def is_sandbox(self) -> bool:
        return self.network.kind == "sandbox"

    def view(self, rpc_url: str | None = None) -> ProfileView:
        """`rpc_url` is what is in use, when that is known only at run time."""
        network = self.network
        badge = self.badge or (self.name.upper() if network.kind == "custom" else network.kind.upper())
        return ProfileView(
            name=self.name,
            called=self.called,
            kind=network.kind,
            chain_id=network.chain_id,
            label=self.label,
            badge=badge,
            rpc_url=rpc_url or network.rpc_url,
            explorer=network.explorer,
        )


def profile_names(settings: Settings) -> tuple[str, ...]:
    """Every profile that can be opened, built-in ones first."""
    return tuple(dict.fromkeys((*NETWORKS, *settings.networks)))


def find_profile(name: str, settings: Settings, *, rpc_url: str | None = None) -> Profile:
    """The profile of that name with the settings' changes; `rpc_url` replaces its node.

    Raises UnknownProfile, SettingsError, and UsageError for an address that is not http(s) or for the sandbox, whose
    node is its own.
    """
    name = _ALIASES.get(name, name)
    changes = settings.networks.get(name, NetworkSettings())
    if name in NETWORKS:
        profile = _built_in(name, changes)
    elif name in settings.networks:
        profile = _custom(name, changes, rpc_url)
    else:
        known = ", ".join(profile_names(settings))
        raise UnknownProfile(
            f"there is no profile {name!r}", hint=f"known: {known}; add another under [networks.NAME] in the settings"
        )
    if rpc_url is None:
        return profile
    if profile.is_sandbox:
        raise UsageError("the sandbox runs a node of its own", hint="choose another profile with --profile")
    return Profile(name=name, network=profile.network.with_overrides(rpc_url=checked_rpc(rpc_url)), label=profile.label)


def checked_rpc(url: str) -> str:
    """Raises UsageError for what cannot be the address of a node."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{url!r} is not the address of a node", hint="it starts with http:// or https://")
    return url


def _built_in(name: str, changes: NetworkSettings) -> Profile:
    network = NETWORKS[name]
    if changes.chain_id not in {None, network.chain_id}:
        raise SettingsError(
            f"networks.{name}.chain_id cannot be changed", hint="give a network of your own another name"
        )
    if network.kind == "sandbox" and changes.rpc_url:
        raise SettingsError("networks.sandbox.rpc_url cannot be set: the sandbox runs a node of its own")
    try:
        network = network.with_overrides(
            rpc_url=changes.rpc_url and checked_rpc(changes.rpc_url),
            explorer=changes.explorer,
            tokens=_tokens(changes.tokens),
            default_token=changes.default_token and _address(changes.default_token),
        )
    except MppError as error:
        raise _in_settings(name, error) from error
    return Profile(name=name, network=_finished(network, changes), label=changes.label or _LABELS[name])


def _custom(name: str, changes: NetworkSettings, rpc_url: str | None) -> Profile:
    if not _NAME.fullmatch(name):
        raise SettingsError(f"networks.{name!r}: a name is of a–z, 0–9, - and _, at most 32 characters")
    rpc_url = rpc_url or changes.rpc_url
    if rpc_url is None or changes.chain_id is None:
        raise SettingsError(f"networks.{name}: a network of your own needs rpc_url and chain_id")
    clash = next((network for network in NETWORKS.values() if network.chain_id == changes.chain_id), None)
    if clash is not None and clash.kind == "mainnet":
        raise SettingsError(
            f"networks.{name}: chain {clash.chain_id} is {clash.name}",
            hint=f"set [networks.{clash.name}] rpc_url instead, so that it is shown as what it is",
        )
    try:
        network = custom_network(
            name=name,
            chain_id=changes.chain_id,
            rpc_url=checked_rpc(rpc_url),
            explorer=changes.explorer,
            tokens=_tokens(changes.tokens),
            default_token=changes.default_token and _address(changes.default_token),
        )
    except MppError as error:
        raise _in_settings(name, error) from error
    return Profile(name=name, network=_finished(network, changes), label=changes.label or name)


def _finished(network: Network, changes: NetworkSettings) -> Network:
    """With what the table of networks has no argument for. Raises SettingsError for a default
    token that is not listed.
    """
    if network.token(network.default_token) is None:
        raise SettingsError(
            f"networks.{network.name}.default_token is not among its tokens", hint="list it under tokens too"
        )
    return network if changes.faucet is None else replace(network, faucet=changes.faucet)


def _in_settings(name: str, error: MppError) -> SettingsError:
    return SettingsError(f"networks.{name}: {error}", hint=error.hint)


def _tokens(tokens: tuple[TokenSettings, ...]) -> tuple[Token, ...]:
    return tuple(
        Token(address=_address(token.address), symbol=token.symbol, decimals=token.decimals, name=token.name)
        for token in tokens
    )


def _address(text: str) -> str:
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise UsageError(f"{text!r} is not a token address", hint="it is 0x and 40 hex digits")
    return text
