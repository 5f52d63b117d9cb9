"""The settings file: TOML, read strictly. A mistake is reported with file, line and what would be allowed; nothing is
ignored.

Amounts are decimals in quotes, in the currency's own units (`"0.50"`), never floating point. Currencies are named by
symbol or address.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from mpp_console.services.errors import SettingsError

__all__ = [
    "EXAMPLE",
    "ConsoleSettings",
    "NetworkSettings",
    "OriginLimits",
    "PolicySettings",
    "SessionSettings",
    "Settings",
    "TokenSettings",
    "load_settings",
    "mistake",
    "parse_settings",
    "write_example",
]

Amounts = dict[str, str]


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token of a network. `decimals` counts the digits after the point."""

    address: str
    symbol: str
    decimals: Annotated[int, msgspec.Meta(ge=0, le=36)] = 6
    name: str = ""


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to a built-in network, or a network of one's own (which needs `rpc_url` and `chain_id`)."""

    rpc_url: str | None = None
    chain_id: Annotated[int, msgspec.Meta(gt=0)] | None = None
    explorer: str | None = None
    label: str | None = None
    default_token: str | None = None
    tokens: tuple[TokenSettings, ...] = ()
    faucet: bool | None = None


class OriginLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits for one origin (`https://api.example`), in one currency."""

    origin: str
    currency: str
    per_payment: str | None = None
    per_day: str | None = None
    per_month: str | None = None


class PolicySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The spending policy. Tables map a currency to an amount; `per_day` and `per_month` (30 days) roll.

    `confirm` None is the profile's own habit: always outside the sandbox, never inside it.
    """

    per_payment: Amounts = msgspec.field(default_factory=dict)
    per_day: Amounts = msgspec.field(default_factory=dict)
    per_month: Amounts = msgspec.field(default_factory=dict)
    confirm_above: Amounts = msgspec.field(default_factory=dict)
    confirm: bool | None = None
    only_listed_currencies: bool = False
    allow_unknown_tokens: bool = False
    allow_origins: tuple[str, ...] | None = None
    deny_origins: tuple[str, ...] = ()
    allow_recipients: tuple[str, ...] | None = None
    deny_recipients: tuple[str, ...] = ()
    origins: tuple[OriginLimits, ...] = ()


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The local paid server. Port 0 takes any free one."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the full-screen console looks and which keys it has.

    `theme` None is the one chosen last. `keys` maps an action's id to its keys, comma-separated, and goes before the
    preset; the screens, which know the actions, hold it to them. `time` is what lists show. `ascii` None draws ASCII
    where the terminal has nothing else (`TERM=linux`).
    """

    theme: str | None = None
    keymap: Literal["default", "vim", "emacs"] = "default"
    keys: dict[str, str] = msgspec.field(default_factory=dict)
    animation: Literal["full", "none"] = "full"
    time: Literal["relative", "absolute"] = "relative"
    privacy: bool = False
    ascii: bool | None = None


class HistorySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many requests served by the local server are remembered, and for how many days. Receipts stay for ever."""

    requests: Annotated[int, msgspec.Meta(ge=0)] = 100_000
    request_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Payment channels: how much may be locked for one payee, and what the console does by itself.

    Tables map a currency to an amount. `maximum` bounds what is locked and not used up (5 units without an entry);
    `opening` and `top_up` are what to lock in place of what the server suggests. A deposit takes `balance_share`
    percent of what the account holds at most, unless one request costs more. `watch` withdraws what can be withdrawn
    while the console runs. A channel unused for `idle_days` is pointed out. `escrows` are contracts besides the
    chain's own reserve that deposits may go to.
    """

    maximum: Amounts = msgspec.field(default_factory=dict)
    opening: Amounts = msgspec.field(default_factory=dict)
    top_up: Amounts = msgspec.field(default_factory=dict)
    balance_share: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50
    watch: bool = True
    idle_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 7
    escrows: tuple[Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}$")], ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `policy` applies to every profile; `policies.<profile>` replaces it for one."""

    profile: str = "sandbox"
    account: str | None = None
    console: ConsoleSettings = msgspec.field(default_factory=ConsoleSettings)
    server: ServerSettings = msgspec.field(default_factory=ServerSettings)
    history: HistorySettings = msgspec.field(default_factory=HistorySettings)
    sessions: SessionSettings = msgspec.field(default_factory=SessionSettings)
    networks: dict[str, NetworkSettings] = msgspec.field(default_factory=dict)
    policy: PolicySettings = msgspec.field(default_factory=PolicySettings)
    policies: dict[str, PolicySettings] = msgspec.field(default_factory=dict)

    def policy_of(self, profile: str) -> PolicySettings:
        return self.policies.get(profile, self.policy)


EXAMPLE = """\
# Settings of mpp-console. Every line is optional; these are the defaults unless marked otherwise.

profile = "sandbox"          # sandbox, moderato, mainnet, or a network of your own below
# account = "main"           # otherwise the default account

[console]                    # the full-screen console; F2 there changes these
# theme = "console-dark"     # or console-light, console-high-contrast, any of Textual's; without it: the last one
keymap = "default"           # default, vim, emacs
animation = "full"           # full, none
time = "relative"            # in lists: relative (3 min) or absolute (12:04:11); ctrl+t changes it for the moment
privacy = false              # begin with amounts and addresses masked
# ascii = true               # plain ASCII; without it: where the terminal has nothing else

# [console.keys]             # keys of your own, comma-separated; `mpp-console` shows ids in its help (?)
# "maximize" = "z"
# "list.mark" = "space,insert"

[server]
port = 0                     # of the local paid server; 0 takes any free port

[history]                    # of requests that the local server answered; receipts are never deleted
requests = 100000            # the newest so many are kept; 0: all that are young enough
request_days = 30            # and none longer than this

[policy]                     # [policies.mainnet] replaces all of it for one profile
# confirm = true             # ask before every payment; without it: always outside the sandbox
# only_listed_currencies = false
# deny_origins = ["https://shop.example"]
# allow_recipients = ["0x…"] # nobody else is paid then

# [policy.per_payment]       # amounts in the currency's units, in quotes
# pathUSD = "0.50"
# [policy.per_day]
# pathUSD = "5"
# [policy.confirm_above]     # payments up to this need no question
# pathUSD = "0.01"

# [[policy.origins]]
# origin = "https://api.example"
# currency = "pathUSD"
# per_day = "1"

[sessions]                   # payment channels: a deposit is put aside, and requests are paid from it
balance_share = 50           # percent of what an account holds that one deposit may take
watch = true                 # withdraw by itself what a closed channel gives back, while the console runs
idle_days = 7                # point out channels that were not used for so long
# escrows = ["0x…"]          # contracts besides the chain's own channel reserve that may hold a deposit

# [sessions.maximum]         # at most so much is locked for one payee; 5 of a currency without an entry
# pathUSD = "5"
# [sessions.opening]         # lock this to open a channel, and not what the server suggests…
# pathUSD = "1"
# [sessions.top_up]          # …and this to top it up
# pathUSD = "1"

# [networks.moderato]        # change a built-in network…
# rpc_url = "https://rpc.example"
# [networks.devnet]          # …or add one, and open it with --profile devnet
# rpc_url = "http://127.0.0.1:8545"
# chain_id = 1337
"""


def load_settings(path: Path) -> Settings:
    """Reads `path`; the defaults when there is no such file. Raises SettingsError."""
    try:
        content = path.read_bytes()
        return parse_settings(content.decode("utf-8"), str(path))
    except FileNotFoundError:
        return Settings()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}, line {line}: not UTF-8 text", hint="save the file as UTF-8") from error
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error


def parse_settings(text: str, source: str = "settings.toml") -> Settings:
    """The same for text at hand; `source` names it in errors."""
    try:
        settings = msgspec.toml.decode(text, type=Settings)
    except msgspec.ValidationError as error:
        raise _validation_error(text, source, str(error)) from None
    except msgspec.DecodeError as error:
        raise _syntax_error(text, source, str(error)) from None
    for amounts, path in _amount_tables(settings):
        for currency, amount in amounts.items():
            if not re.fullmatch(r"\d{1,60}(\.\d{1,36})?", amount):
                line = _line_of(text, (*path, currency))
                raise SettingsError(f'{source}, line {line}: "{amount}" is not an amount', hint='write it as "0.50"')
    return settings


def mistake(path: Path, setting: tuple[str, ...], what: str, hint: str) -> SettingsError:
    """The error for a setting of the file that only its user could judge, with the line where it stands."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    return SettingsError(f"{path}, line {_line_of(text, setting)}: {what}", hint=hint)


def write_example(path: Path) -> None:
    """Writes a settings file with every setting explained. Raises FileExists rather than replace one."""
    from mpp_console.wallet.files import private_folder, write_private

    private_folder(path.parent)
    write_private(path, EXAMPLE.encode(), replace=False)


def _amount_tables(settings: Settings) -> list[tuple[Amounts, tuple[str, ...]]]:
    found: list[tuple[Amounts, tuple[str, ...]]] = []
    policies = [(settings.policy, ("policy",))]
    policies += [(policy, ("policies", name)) for name, policy in settings.policies.items()]  # type: ignore[misc]
    for policy, path in policies:
        tables = ("per_payment", "per_day", "per_month", "confirm_above")
        found += [(getattr(policy, name), (*path, name)) for name in tables]
        for limits in policy.origins:
            given = {name: getattr(limits, name) for name in ("per_payment", "per_day", "per_month")}
            found.append(({name: amount for name, amount in given.items() if amount}, (*path, "origins", "0")))
    sessions = settings.sessions
    found += [(getattr(sessions, name), ("sessions", name)) for name in ("maximum", "opening", "top_up")]
    return found


def _syntax_error(text: str, source: str, message: str) -> SettingsError:
    what, _, place = message.rstrip(")").rpartition(" (at ")
    found = re.match(r"line (\d+)", place)
    line = int(found[1]) if found else max(len(text.rstrip().splitlines()), 1)
    return SettingsError(f"{source}, line {line}: {what or message}", hint="the file is TOML: key = value")


def _validation_error(text: str, source: str, message: str) -> SettingsError:
    """msgspec says `what - at `$.a.b[0]``: the path becomes a line, and what is allowed there is added."""
    what, _, where = message.partition(" - at ")
    path = tuple(re.findall(r"\.\.\.|[^.$`\[\]]+", where))
    unknown = re.search(r"unknown field `([^`]*)`", what)
    if unknown:
        line = _line_of(text, (*path, unknown[1]))
        allowed = ", ".join(_fields_at(path))
        if not path and unknown[1] in ConsoleSettings.__struct_fields__:
            return SettingsError(f"{source}, line {line}: `{unknown[1]}` stands under [console]", hint="move it there")
        place = f"[{_dotted(path)}]" if path else "the file"
        return SettingsError(
            f"{source}, line {line}: {place} has no setting `{unknown[1]}`", hint=f"allowed here: {allowed}"
        )
    path = _named(text, path, what)
    line = _line_of(text, path)
    return SettingsError(f"{source}, line {line}: {_dotted(path)}: {what[0].lower()}{what[1:]}", hint=_hint_for(what))


_TOML_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "array": list, "object": dict}


def _named(text: str, path: tuple[str, ...], what: str) -> tuple[str, ...]:
    """The path with the keys that msgspec writes as `...`: the first ones that lead to a value of the wrong type."""
    got = re.search(r"got `(\w+)`", what)
    kind = _TOML_TYPES.get(got[1]) if got else None

    def walk(value: Any, rest: tuple[str, ...]) -> tuple[str, ...] | None:
        if not rest:
            return () if kind is None or type(value) is kind else None
        head, *tail = rest
        if head.isdigit() and isinstance(value, list):
            found = walk(value[int(head)], tuple(tail))
            return None if found is None else (head, *found)
        for key, item in value.items() if isinstance(value, dict) else ():
            if head in (key, "..."):
                found = walk(item, tuple(tail))
                if found is not None:
                    return (key, *found)
        return None

    return walk(tomllib.loads(text), path) or path


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join("NAME" if part == "..." else part for part in path if not part.isdigit())


def _hint_for(what: str) -> str:
    if "Expected `str`" in what and ("`float`" in what or "`int`" in what):
        return 'put it in quotes: "0.50"'
    if "Expected `str`" in what and "`object`" in what:
        return 'put the name in quotes: "list.mark" = "space"'
    return "see `mpp-console config init --stdout` for every setting"


def _fields_at(path: tuple[str, ...]) -> tuple[str, ...]:
    structs: dict[str, type[msgspec.Struct]] = {
        "console": ConsoleSettings, "server": ServerSettings,
        "networks": NetworkSettings, "policy": PolicySettings, "policies": PolicySettings,
        "tokens": TokenSettings, "origins": OriginLimits, "sessions": SessionSettings, "history": HistorySettings,
    }  # fmt: skip
    known: type[msgspec.Struct] = Settings
    for part in path:
        known = structs.get(part, known)
    return known.__struct_fields__


def _line_of(text: str, path: tuple[str, ...]) -> int:
    """The line where `path` is set: the key itself if it has a line, else the nearest table around it. 1 when not
    found.
    """
    best, best_depth = 1, -1
    table: tuple[str, ...] = ()
    # msgspec writes `...` for a key of a table; any key stands for it.
    wanted = tuple(part for part in path if not part.isdigit())
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?([^\]]+)\]", line)
        setting = re.match(r"\s*((?:[\w.-]|\"[^\"]*\"|'[^']*')+)\s*=", line)
        if header:
            table = _parts(header[1])
            here = table
        elif setting:
            here = (*table, *_parts(setting[1]))
        else:
            continue
        depth = _shared(here, wanted)
        if depth in (len(here), len(wanted)) and depth > best_depth:
            best, best_depth = number, depth
    return best


def _parts(dotted: str) -> tuple[str, ...]:
    """The keys of a dotted key; one in quotes may have dots of its own."""
    return tuple("".join(found) for found in re.findall(r"\"([^\"]*)\"|'([^']*)'|([\w-]+)", dotted))


def _shared(here: tuple[str, ...], wanted: tuple[str, ...]) -> int:
    count = 0
    for mine, theirs in zip(here, wanted, strict=False):
        if theirs not in (mine, "..."):
            break
        count += 1
    return count
