"""Rules about Tempo charges: addresses, chain, splits, modes, recipients (tempo charge draft), and those that sessions
share. Works on the request as it was written, so that several mistakes in one request are told at once. Pure functions,
and the table that names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from mpp_console.inspector.reading import Case, OfferReading
from mpp_console.inspector.rule import Hit, Rule, each_offer
from mpp_console.methods.tempo.networks import NETWORKS, Network
from mpp_console.methods.tempo.schema import DEFAULT_CHAIN_ID, MAX_AMOUNT, MAX_SPLITS
from mpp_console.protocol import FindingLevel as L
from mpp_console.protocol import MppError, ParseError, parse_base_units

__all__ = ["TEMPO_RULES", "address_code", "base_units", "request_details", "request_of", "tempo_pairs"]

_MEMO: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_ZERO: Final = "0x" + "0" * 40
MAINNET_CHAIN_ID: Final = 4217
_SMALL_REMAINDER: Final = 10
"""A recipient who keeps less than a tenth of what is asked is worth a second look."""
_SPLIT_AMOUNT: Final = re.compile(r"0|[1-9][0-9]*")


_CHARGE: Final = ("charge",)
_ANY: Final = ("charge", "session")


def request_of(offer: OfferReading, intents: tuple[str, ...]) -> Mapping[str, Any] | None:
    """The request of a Tempo offer with one of these intents, None for any other offer."""
    return offer.request if offer.method == "tempo" and offer.intent in intents else None


def request_details(request: Mapping[str, Any]) -> Mapping[str, Any]:
    details = request.get("methodDetails")
    return details if isinstance(details, Mapping) else {}


def _splits(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    splits = request_details(request).get("splits")
    return [split for split in splits if isinstance(split, Mapping)] if isinstance(splits, list) else []


def base_units(value: object) -> int | None:
    try:
        return parse_base_units(value) if isinstance(value, str) else None
    except ParseError:
        return None


def _chain_id(request: Mapping[str, Any]) -> int:
    details = request_details(request)
    value = details.get("chainId")
    # The two drafts differ in the chain they mean by none; only sessions name an escrow.
    default = MAINNET_CHAIN_ID if "escrowContract" in details else DEFAULT_CHAIN_ID
    return value if type(value) is int else default


def _network(request: Mapping[str, Any]) -> Network | None:
    wanted = _chain_id(request)
    return next((network for network in NETWORKS.values() if network.chain_id == wanted), None)


def _recipients(request: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "recipient", request.get("recipient")
    for index, split in enumerate(_splits(request)):
        yield f"splits[{index}].recipient", split.get("recipient")


def _addresses(request: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "currency", request.get("currency")
    yield from _recipients(request)


def address_code(value: object) -> str:
    """Empty for an address that holds, else what is wrong: `missing`, `malformed` or `bad-checksum`."""
    from mpp_console.methods.tempo.keys import parse_address  # loads the hash function

    if value is None:
        return "missing"
    if not isinstance(value, str):
        return "malformed"
    try:
        parse_address(value)
    except MppError as error:
        return "bad-checksum" if error.code == "bad-checksum" else "malformed"
    return ""


def tempo_pairs(offers: tuple[OfferReading, ...]) -> dict[int, set[tuple[str, str]]]:
    """By chain id, every (token, recipient) that the offers want paid, in lower case: what to ask a chain about."""
    pairs: dict[int, set[tuple[str, str]]] = {}
    for offer in offers:
        request = request_of(offer, _ANY)
        if request is None or address_code(request.get("currency")) not in ("", "bad-checksum"):
            continue
        token = str(request["currency"]).lower()
        for _, recipient in _recipients(request):
            if address_code(recipient) in ("", "bad-checksum"):
                pairs.setdefault(_chain_id(request), set()).add((token, str(recipient).lower()))
    return pairs


def _tempo(
    check: Callable[[Case, Mapping[str, Any]], list[Hit | str] | None], intents: tuple[str, ...] = _CHARGE
) -> Callable[[Case], Any]:
    def over_request(case: Case, offer: OfferReading) -> list[Hit | str] | None:
        request = request_of(offer, intents)
        return None if request is None else check(case, request)

    return each_offer(over_request)


def _malformed_addresses(case: Case, request: Mapping[str, Any]) -> list[Hit | str]:
    hits: list[Hit | str] = []
    for name, value in _addresses(request):
        code = address_code(value)
        if code == "missing":
            hits.append(f"{name} is missing")
        elif code == "malformed":
            hits.append(f"{name} is not an address (0x and 40 hexadecimal digits): {value!r:.80}")
    return hits


def _checksums(case: Case, request: Mapping[str, Any]) -> list[Hit | str]:
    return [
        f"{name} {value} does not match its checksum, the mark of a mistyped address"
        for name, value in _addresses(request)
        if address_code(value) == "bad-checksum"
    ]


def _payable(case: Case, request: Mapping[str, Any]) -> list[Hit | str]:
    from mpp_console.methods.tempo.tip20 import is_token_address

    hits: list[Hit | str] = []
    for name, value in _recipients(request):
        if not isinstance(value, str):
            continue
        if value.lower() == _ZERO:
            hits.append(f"{name} is the zero address")
        elif is_token_address(value):
            hits.append(f"{name} is a token, not an account; tokens refuse transfers to them")
    return hits


def _token(case: Case, request: Mapping[str, Any]) -> list[Hit | str] | None:
    from mpp_console.methods.tempo.tip20 import is_token_address

    value = request.get("currency")
    if not isinstance(value, str) or address_code(value) == "malformed":
        return None
    if not is_token_address(value):
        return [Hit("the currency is not the address of a TIP-20 token (0x20c0…)", L.FAIL)]
    network = _network(request)
    if network is None or network.token(value) is not None:
        return []
    return [Hit(f"the token {value} is none of those known on {network.name}; anybody can make one with any name")]


def _chain(case: Case, request: Mapping[str, Any]) -> list[Hit | str]:
    value = request_details(request).get("chainId")
    ours = case.evidence.facts.chain_id
    if value is None:
        return [f"the request names no chain, which means {DEFAULT_CHAIN_ID}, the testnet; some clients take mainnet"]
    if type(value) is not int or value <= 0:
        return [Hit(f"chainId is not a positive number: {value!r:.60}", L.FAIL)]
    network = _network(request)
    if network is None and value != ours:
        return [f"the chain {value} is no Tempo network that is known here"]
    if ours is not None and value != ours:
        name = f"{network.name} (chain {value})" if network else f"chain {value}"
        return [Hit(f"the charge is on {name}, the profile in use on chain {ours}", L.INFO)]
    return []


def _split_form(case: Case, request: Mapping[str, Any]) -> list[Hit | str] | None:
    details = request_details(request)
    if "splits" not in details:
        return None
    splits = details["splits"]
    if not isinstance(splits, list) or not splits:
        return ["splits is there and names none"]
    hits: list[Hit | str] = []
    for index, split in enumerate(splits):
        amount = split.get("amount") if isinstance(split, Mapping) else None
        if not isinstance(split, Mapping):
            hits.append(f"splits[{index}] is no object")
        elif not isinstance(amount, str) or not _SPLIT_AMOUNT.fullmatch(amount):
            hits.append(f"splits[{index}].amount is not a whole number of base units: {amount!r:.60}")
        elif amount == "0":
            hits.append(f"splits[{index}] is of nothing")
    return hits


def _split_sum(case: Case, request: Mapping[str, Any]) -> list[Hit | str] | None:
    splits, amount = _splits(request), base_units(request.get("amount"))
    if not splits or amount is None:
        return None
    total = sum(base_units(split.get("amount")) or 0 for split in splits)
    if total < amount:
        return []
    return [f"the splits take {total} of {amount} base units, so that the recipient gets nothing"]


def _remainder(case: Case, request: Mapping[str, Any]) -> list[Hit | str] | None:
    splits, amount = _splits(request), base_units(request.get("amount"))
    if not splits or amount is None:
        return None
    left = amount - sum(base_units(split.get("amount")) or 0 for split in splits)
    if left <= 0 or left * _SMALL_REMAINDER >= amount:
        return []
    return [f"of {amount} base units the recipient itself gets {left}: the splits take the rest"]


def _split_count(case: Case, request: Mapping[str, Any]) -> list[Hit | str] | None:
    count = len(_splits(request))
    if not count:
        return None
    return [] if count <= MAX_SPLITS else [f"{count} splits; {MAX_SPLITS} fit into the gas of a block"]


def _memos(case: Case, request: Mapping[str, Any]) -> list[Hit | str] | None:
    memos = [("methodDetails.memo", request_details(request).get("memo"))]
    memos += ((f"splits[{index}].memo", split.get("memo")) for index, split in enumerate(_splits(request)))
    present = [(name, value) for name, value in memos if value is not None]
    if not present:
        return None
    return [
        f"{name} is not 32 bytes in hexadecimal"
        for name, value in present
        if not isinstance(value, str) or not _MEMO.fullmatch(value)
    ]


def _modes(case: Case, request: Mapping[str, Any]) -> list[Hit | str] | None:
    details = request_details(request)
    modes = details.get("supportedModes")
    if modes is None:
        return None
    known = [mode for mode in modes if mode in ("pull", "push")] if isinstance(modes, list) else []
    if not known:
        return ["supportedModes names neither pull nor push"]
    if details.get("feePayer") is True and "pull" not in known:
        return ["the server pays the fee and takes only payments that the client pushes itself; no client can do both"]
    strange = [mode for mode in modes if mode not in ("pull", "push")]
    return [Hit(f"supportedModes names {mode!r:.40}, which is no mode", L.WARN) for mode in strange]


def _types(case: Case, request: Mapping[str, Any]) -> list[Hit | str]:
    details, hits = request.get("methodDetails"), list[Hit | str]()
    if details is not None and not isinstance(details, Mapping):
        return ["methodDetails is no object"]
    if not isinstance(request_details(request).get("feePayer", False), bool):
        hits.append("feePayer is neither true nor false")
    hits += (
        f"{name} is not text" for name in ("description", "externalId") if not isinstance(request.get(name, ""), str)
    )
    amount = base_units(request.get("amount"))
    if amount is not None and amount > MAX_AMOUNT:
        hits.append("the amount is larger than any TIP-20 supply")
    return hits


def _self_payment(case: Case, request: Mapping[str, Any]) -> list[Hit | str] | None:
    payer = case.evidence.facts.payer
    if payer is None:
        return None
    return [
        f"{name} is the paying account itself"
        for name, value in _recipients(request)
        if isinstance(value, str) and value.lower() == payer.lower()
    ]


def _initialised(case: Case, request: Mapping[str, Any]) -> list[Hit | str] | None:
    token, facts = str(request.get("currency", "")).lower(), case.evidence.facts
    if facts.chain_id != _chain_id(request):
        return None
    known = [
        (name, value, facts.initialised[token, str(value).lower()])
        for name, value in _recipients(request)
        if (token, str(value).lower()) in facts.initialised
    ]
    if not known:
        return None
    return [
        f"{name} {value} holds none of this token and no transfer to it was found: check the address"
        for name, value, initialised in known
        if not initialised
    ]


def _expires(case: Case, offer: OfferReading) -> list[Hit | str] | None:
    if request_of(offer, _CHARGE) is None or "expires" in offer.params:
        return None
    return ["servers of this rail refuse a challenge back that does not say when it expires"]


_DRAFT: Final = "tempo charge"
TEMPO_RULES: Final = (
    Rule(id="malformed-address", level=L.FAIL, check=_tempo(_malformed_addresses, _ANY), good="every address is one",
         spec=f"{_DRAFT} §Shared Fields", fix="write addresses as 0x and 40 hexadecimal digits"),
    Rule(id="bad-checksum", level=L.FAIL, check=_tempo(_checksums, _ANY), good="every address matches its checksum",
         spec="EIP-55", fix="copy the address again, or write it in lower case"),
    Rule(id="unpayable-recipient", level=L.FAIL, check=_tempo(_payable, _ANY), good="every recipient can be paid",
         spec=f"{_DRAFT} §Shared Fields", fix="name an account that you hold the key of"),
    Rule(id="unknown-token", level=L.WARN, check=_tempo(_token, _ANY), good="the token is a known one",
         spec=f"{_DRAFT} §Shared Fields", fix="charge in a token that wallets know, such as pathUSD"),
    Rule(id="unsupported-chain", level=L.WARN, check=_tempo(_chain), good="the chain is named and known",
         spec=f"{_DRAFT} §Method Details", fix="state methodDetails.chainId: 4217 for mainnet, 42431 for Moderato"),
    Rule(id="malformed-splits", level=L.FAIL, check=_tempo(_split_form), good="every split is well formed",
         spec=f"{_DRAFT} §Split Entry Schema", fix="leave splits away, or give each an amount above zero"),
    Rule(id="splits-exceed-amount", level=L.FAIL, check=_tempo(_split_sum), good="the recipient keeps a remainder",
         spec=f"{_DRAFT} §Constraints", fix="let the splits add up to less than the amount"),
    Rule(id="small-remainder", level=L.WARN, check=_tempo(_remainder), good="the recipient keeps a fair part",
         spec=f"{_DRAFT} §Split Payments", fix="make whoever gets the most the recipient, and the others splits"),
    Rule(id="too-many-splits", level=L.WARN, check=_tempo(_split_count), good="the splits are few enough",
         spec=f"{_DRAFT} §Constraints", fix=f"use at most {MAX_SPLITS} splits"),
    Rule(id="malformed-memo", level=L.FAIL, check=_tempo(_memos), good="every memo is 32 bytes",
         spec=f"{_DRAFT} §Method Details", fix="write memos as 0x and 64 hexadecimal digits"),
    Rule(id="modes", level=L.FAIL, check=_tempo(_modes), good="the modes can be served",
         spec=f"{_DRAFT} §Submission Modes", fix="name pull, push or both; with feePayer name pull"),
    Rule(id="malformed-request", level=L.FAIL, check=_tempo(_types), good="every member has its type",
         spec=f"{_DRAFT} §Request Schema", fix="follow the schema of the draft"),
    Rule(id="recipient-is-payer", level=L.WARN, check=_tempo(_self_payment, _ANY),
         good="the recipient is somebody else",
         spec="core §Amount Verification", fix="set the recipient to the account of the seller"),
    Rule(id="recipient-uninitialised", level=L.INFO, check=_tempo(_initialised, _ANY),
         good="the recipients hold the token",
         spec="core §Amount Verification", fix="send the recipient a little of the token once"),
    Rule(id="expires-required", level=L.WARN, check=each_offer(_expires), good="",
         spec="charge intent §Shared Fields", fix="send expires, about five minutes ahead"),
)  # fmt: skip
