"""The one table of Tempo networks, tokens and contract addresses, and how to override it.

Everything that depends on which chain is spoken to is looked up here, so that a new token or a private chain is a
change of data. Pure values: nothing here connects to anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from mpp_console.protocol import Currency, MppError

__all__ = [
    "MAINNET",
    "MODERATO",
    "NETWORKS",
    "SANDBOX",
    "Network",
    "NetworkKind",
    "Token",
    "TokenTable",
    "UnknownNetwork",
    "UnknownToken",
    "custom_network",
    "find_network",
]

NetworkKind = Literal["sandbox", "testnet", "mainnet", "custom"]


class UnknownToken(MppError):
    """A token that the network's table does not list."""

    default_code = "unknown-token"


class UnknownNetwork(MppError):
    """No network of that name or chain id is known."""

    default_code = "unknown-network"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A TIP-20 token: address (EIP-55), symbol, digits after the point, and the name its issuer gave it."""

    address: str
    symbol: str
    decimals: int = 6
    name: str = ""

    @property
    def currency(self) -> Currency:
        return Currency(id=self.address, symbol=self.symbol, decimals=self.decimals)


class TokenTable:
    """Tokens by address; the letter case of an address does not matter. Later entries replace earlier ones."""

    __slots__ = ("_by_address",)

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._by_address = {token.address.lower(): token for token in tokens}

    def __iter__(self) -> Iterator[Token]:
        return iter(self._by_address.values())

    def __len__(self) -> int:
        return len(self._by_address)

    def __contains__(self, address: object) -> bool:
        return isinstance(address, str) and address.lower() in self._by_address

    def get(self, address: str) -> Token | None:
        return self._by_address.get(address.lower())

    def currency(self, address: str) -> Currency:
        """What amounts of this token are counted in. Raises UnknownToken."""
        token = self.get(address)
        if token is None:
            raise UnknownToken(
                f"The token {address} is not in this network's table.",
                hint="Check the address with the payee, or add the token to the settings.",
            )
        return token.currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A Tempo chain and what is known on it.

    `fee_tokens` are the tokens in which the chain takes fees, the preferred one first. `rpc_url` and `explorer` are
    None where there is none until run time. `legacy_escrow` is the escrow contract of v1 sessions, None where none is
    known; the channel reserve of v2 is the same on every chain. Addresses are compared by value, never by letter case.
    """

    name: str
    kind: NetworkKind
    chain_id: int
    rpc_url: str | None
    explorer: str | None
    tokens: tuple[Token, ...]
    default_token: str
    fee_tokens: tuple[str, ...]
    stablecoin_dex: str = "0xDEc0000000000000000000000000000000000000"
    legacy_escrow: str | None = None
    faucet: bool = False

    @property
    def table(self) -> TokenTable:
        return TokenTable(self.tokens)

    def token(self, address: str) -> Token | None:
        """The token at an address, None when the table does not list it."""
        wanted = address.lower()
        return next((token for token in self.tokens if token.address.lower() == wanted), None)

    def currency(self, address: str) -> Currency:
        """Raises UnknownToken."""
        return self.table.currency(address)

    def takes_fees_in(self, address: str) -> bool:
        return address.lower() in {token.lower() for token in self.fee_tokens}

    def explorer_url(self, reference: str) -> str | None:
        """Where people can look at a transaction, None when the network has no explorer."""
        return f"{self.explorer}/receipt/{reference}" if self.explorer else None

    def with_overrides(
        self,
        *,
        rpc_url: str | None = None,
        explorer: str | None = None,
        tokens: Iterable[Token] = (),
        default_token: str | None = None,
        fee_tokens: Iterable[str] | None = None,
        stablecoin_dex: str | None = None,
    ) -> Network:
        """A copy with what is given replaced; `tokens` are added to the table and win over entries of the same
        address.
        """
        return replace(
            self,
            rpc_url=rpc_url or self.rpc_url,
            explorer=explorer or self.explorer,
            tokens=tuple(TokenTable((*self.tokens, *tokens))),
            default_token=default_token or self.default_token,
            fee_tokens=self.fee_tokens if fee_tokens is None else tuple(fee_tokens),
            stablecoin_dex=stablecoin_dex or self.stablecoin_dex,
        )


_PATH_USD: Final = Token(address="0x20C0000000000000000000000000000000000000", symbol="pathUSD", name="pathUSD")
_TEST_TOKENS: Final = (
    _PATH_USD,
    Token(address="0x20C0000000000000000000000000000000000001", symbol="AlphaUSD", name="AlphaUSD"),
    Token(address="0x20C0000000000000000000000000000000000002", symbol="BetaUSD", name="BetaUSD"),
    Token(address="0x20C0000000000000000000000000000000000003", symbol="ThetaUSD", name="ThetaUSD"),
)
_TEST_ESCROW: Final = "0xe1c4d3dce17BC111181DdF716F75Bae49e61a336"
_USDC: Final = Token(address="0x20C000000000000000000000b9537d11c60E8b50", symbol="USDC.e", name="Bridged USDC")

SANDBOX: Final = Network(
    name="sandbox",
    kind="sandbox",
    # Every SDK's local chain uses 1337, so that nothing signed here is valid on a chain with real money.
    chain_id=1337,
    rpc_url=None,
    explorer=None,
    tokens=_TEST_TOKENS,
    default_token=_PATH_USD.address,
    fee_tokens=tuple(token.address for token in _TEST_TOKENS),
    legacy_escrow=_TEST_ESCROW,
    faucet=True,
)

MODERATO: Final = Network(
    name="moderato",
    kind="testnet",
    chain_id=42431,
    rpc_url="https://rpc.moderato.tempo.xyz",
    explorer="https://explore.moderato.tempo.xyz",
    tokens=_TEST_TOKENS,
    default_token=_PATH_USD.address,
    fee_tokens=tuple(token.address for token in _TEST_TOKENS),
    legacy_escrow=_TEST_ESCROW,
    faucet=True,
)

MAINNET: Final = Network(
    name="mainnet",
    kind="mainnet",
    chain_id=4217,
    rpc_url="https://rpc.tempo.xyz",
    explorer="https://explore.tempo.xyz",
    tokens=(_PATH_USD, _USDC),
    default_token=_USDC.address,
    fee_tokens=(_PATH_USD.address, _USDC.address),
    legacy_escrow="0x33b901018174DDabE4841042ab76ba85D4e24f25",
)

NETWORKS: Final[Mapping[str, Network]] = MappingProxyType(
    {network.name: network for network in (SANDBOX, MODERATO, MAINNET)}
)
"""The networks that come with the program, by name."""


def find_network(name_or_chain_id: str | int, networks: Mapping[str, Network] = NETWORKS) -> Network:
    """Looks a network up by name or chain id in a table that the caller may have overridden. Raises UnknownNetwork."""
    for network in networks.values():
        if name_or_chain_id in {network.name, network.chain_id}:
            return network
    raise UnknownNetwork(
        f"There is no network called {name_or_chain_id!r}.",
        hint=f"Known networks: {', '.join(sorted(networks))}. Add another with its RPC address in the settings.",
    )


def custom_network(
    *,
    name: str,
    chain_id: int,
    rpc_url: str,
    explorer: str | None = None,
    tokens: Iterable[Token] = (),
    default_token: str | None = None,
    fee_tokens: Iterable[str] | None = None,
) -> Network:
    """A Tempo chain at any RPC address. pathUSD is a genesis token, so it is always in the table and takes fees."""
    table = tuple(TokenTable((_PATH_USD, *tokens)))
    return Network(
        name=name,
        kind="custom",
        chain_id=chain_id,
        rpc_url=rpc_url,
        explorer=explorer,
        tokens=table,
        default_token=default_token or table[0].address,
        fee_tokens=tuple(fee_tokens) if fee_tokens is not None else (_PATH_USD.address,),
    )
