"""Rules about Tempo sessions: escrow, protocol, deposit, unit price, channel and snapshot (tempo session draft). Works
on the request as it was written. Pure functions, and the table that names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from mpp_console.inspector.reading import Case, OfferReading
from mpp_console.inspector.rule import Hit, Rule, each_offer
from mpp_console.inspector.rules_tempo import address_code, base_units, request_details, request_of
from mpp_console.methods.tempo.channels import MAX_RESERVE_AMOUNT, RESERVE, ZERO_ADDRESS, Descriptor, parse_bytes32
from mpp_console.methods.tempo.networks import NETWORKS
from mpp_console.protocol import FindingLevel as L
from mpp_console.protocol import ParseError, decode_object

__all__ = ["SESSION_RULES"]

Hits = list[Hit | str]
Check = Callable[[Case, Mapping[str, Any]], "Hits | None"]

_INTENT: Final = ("session",)
_PROTOCOLS: Final = ("v1", "v2")
_SNAPSHOT_AMOUNTS: Final = ("acceptedCumulative", "deposit", "requiredCumulative", "settled", "spent")
_SNAPSHOT_HEADER: Final = "payment-session-snapshot"
_CHANNEL_HEADER: Final = "payment-session"


def _session(check: Check) -> Callable[[Case], Any]:
    def over_request(case: Case, offer: OfferReading) -> Hits | None:
        request = request_of(offer, _INTENT)
        return None if request is None else check(case, request)

    return each_offer(over_request)


def _protocol(request: Mapping[str, Any]) -> str:
    """The protocol in force; a request that names none means v1 (session draft, "Protocol Versions")."""
    return str(request_details(request).get("sessionProtocol", "v1"))


def _escrow(case: Case, request: Mapping[str, Any]) -> Hits:
    value = request_details(request).get("escrowContract")
    match address_code(value):
        case "missing":
            return ["methodDetails.escrowContract is missing, so that nobody knows where to deposit"]
        case "malformed":
            return [f"methodDetails.escrowContract is not an address: {value!r:.80}"]
        case "bad-checksum":
            return [Hit(f"methodDetails.escrowContract {value} does not match its checksum", L.WARN)]
    if str(value).lower() == ZERO_ADDRESS:
        return ["methodDetails.escrowContract is the zero address"]
    if _protocol(request) == "v2" and str(value).lower() != RESERVE.lower():
        return [Hit("the escrow is not the channel reserve of the chain; careful clients refuse others", L.WARN)]
    return []


def _version(case: Case, request: Mapping[str, Any]) -> Hits:
    details = request_details(request)
    value = details.get("sessionProtocol")
    if value is None:
        if str(details.get("escrowContract", "")).lower() == RESERVE.lower():
            return [Hit("sessionProtocol is missing, so that clients take the channel reserve for a v1 contract")]
        return []
    return [] if value in _PROTOCOLS else [Hit(f"sessionProtocol is {value!r:.40}, neither v1 nor v2", L.FAIL)]


def _chain(case: Case, request: Mapping[str, Any]) -> Hits:
    value = request_details(request).get("chainId")
    ours = case.evidence.facts.chain_id
    if value is None:
        if _protocol(request) == "v2":
            return [Hit("the request names no chain, which v2 demands", L.FAIL)]
        return [Hit("the request names no chain, which means mainnet for a session", L.INFO)]
    if type(value) is not int or value <= 0:
        return [Hit(f"chainId is not a positive number: {value!r:.60}", L.FAIL)]
    if value != ours and not any(network.chain_id == value for network in NETWORKS.values()):
        return [f"the chain {value} is no Tempo network that is known here"]
    if ours is not None and value != ours:
        return [Hit(f"the session is on chain {value}, the profile in use on chain {ours}", L.INFO)]
    return []


def _price(case: Case, request: Mapping[str, Any]) -> Hits | None:
    amount = base_units(request.get("amount"))
    if amount is None:
        return None
    if amount == 0:
        return [Hit("a unit costs nothing: a channel would be opened for no purpose", L.WARN)]
    if _protocol(request) == "v2" and amount > MAX_RESERVE_AMOUNT:
        return ["a unit costs more than a channel can ever hold (96 bits)"]
    return []


def _unit(case: Case, request: Mapping[str, Any]) -> Hits:
    value = request.get("unitType")
    if value is None:
        return [Hit("unitType is missing: nobody knows what the price is for", L.INFO)]
    if not isinstance(value, str) or not value.strip():
        return [Hit("unitType is not a word", L.WARN)]
    return []


def _deposit(case: Case, request: Mapping[str, Any]) -> Hits | None:
    if "suggestedDeposit" not in request:
        return None
    deposit, amount = base_units(request["suggestedDeposit"]), base_units(request.get("amount"))
    if deposit is None:
        return [Hit(f"suggestedDeposit is not a whole number of base units: {request['suggestedDeposit']!r:.60}")]
    if _protocol(request) == "v2" and deposit > MAX_RESERVE_AMOUNT:
        return ["suggestedDeposit is more than a channel can hold (96 bits)"]
    if amount is not None and deposit < amount:
        text = f"suggestedDeposit is {deposit} base units, less than the {amount} of a single unit"
        return [Hit(text, L.WARN)]
    return []


def _delta(case: Case, request: Mapping[str, Any]) -> Hits | None:
    details = request_details(request)
    if "minVoucherDelta" not in details:
        return None
    delta, deposit = base_units(details["minVoucherDelta"]), base_units(request.get("suggestedDeposit"))
    if delta is None:
        return [f"minVoucherDelta is not a whole number of base units: {details['minVoucherDelta']!r:.60}"]
    if deposit is not None and delta > deposit:
        return [Hit("minVoucherDelta is more than the suggested deposit: no voucher can pay that much", L.WARN)]
    return []


def _types(case: Case, request: Mapping[str, Any]) -> Hits:
    if not isinstance(request.get("methodDetails"), Mapping):
        return ["methodDetails is missing or no object"]
    details = request_details(request)
    hits: Hits = []
    if not isinstance(details.get("feePayer", False), bool):
        hits.append("feePayer is neither true nor false")
    if "operator" in details and address_code(details["operator"]) in ("missing", "malformed"):
        hits.append(f"operator is not an address: {details['operator']!r:.80}")
    if "channelId" in details:
        hits += _channel_id(details["channelId"])
    return hits


def _channel_id(value: object) -> Hits:
    try:
        canonical = parse_bytes32(value, "channelId")
    except ParseError as error:
        return [error.message]
    return [] if value == canonical else [Hit("channelId is not in lower case", L.WARN)]


def _small_hex(case: Case, request: Mapping[str, Any]) -> Hits:
    """Addresses are compared without regard to case, so that only clients that compare texts trip over it."""
    details = request_details(request)
    named = {"currency": request.get("currency"), "recipient": request.get("recipient")}
    named |= {f"methodDetails.{name}": details.get(name) for name in ("escrowContract", "operator")}
    mixed = [name for name, value in named.items() if isinstance(value, str) and value != value.lower()]
    return [f"{', '.join(mixed)} with capitals, where this draft has hex in lower case"] if mixed else []


def _snapshot(case: Case, request: Mapping[str, Any]) -> Hits | None:
    """Whatever of a snapshot there is, in the request and in the header, has to hold by itself."""
    found: list[tuple[str, object]] = []
    details = request_details(request)
    if "sessionSnapshot" in details:
        found.append(("sessionSnapshot", details["sessionSnapshot"]))
    for value in case.answer.values(_SNAPSHOT_HEADER):
        try:
            found.append(("Payment-Session-Snapshot", decode_object(value)))
        except ParseError as error:
            return [f"the header Payment-Session-Snapshot cannot be read: {error.message}"]
    if not found:
        return None
    hits: Hits = []
    for name, snapshot in found:
        wrong = _snapshot_faults(snapshot, request) if isinstance(snapshot, Mapping) else ["it is no object"]
        hits += (f"{name}: {fault}" for fault in wrong)
    return hits


def _snapshot_faults(snapshot: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    amounts = {name: base_units(snapshot.get(name)) for name in _SNAPSHOT_AMOUNTS}
    bad = [f"{name} is not a whole number of base units" for name, value in amounts.items() if value is None]
    descriptor, chain_id, escrow = (snapshot.get(name) for name in ("descriptor", "chainId", "escrow"))
    if type(chain_id) is not int:
        return [*bad, "chainId is not a number"]
    if address_code(escrow) in ("missing", "malformed"):
        return [*bad, "escrow is not an address"]
    if not isinstance(descriptor, Mapping):
        return [*bad, "descriptor is missing or no object"]
    try:
        channel_id = parse_bytes32(snapshot.get("channelId"), "channelId")
        read = Descriptor.from_wire(descriptor)
    except ParseError as error:
        return [*bad, error.message]
    if read.channel_id(escrow=str(escrow).lower(), chain_id=chain_id) != channel_id:
        bad.append("channelId is not the id of the descriptor on that escrow and chain")
    details = request_details(request)
    told = (
        ("chainId", chain_id, details.get("chainId")),
        ("escrow", str(escrow).lower(), str(details.get("escrowContract", "")).lower()),
        ("descriptor.payee", read.payee.lower(), str(request.get("recipient", "")).lower()),
        ("descriptor.token", read.token.lower(), str(request.get("currency", "")).lower()),
    )
    bad += (f"{name} is not the one of the challenge" for name, mine, asked in told if mine != asked)
    return bad + _sums(amounts)


def _sums(amounts: Mapping[str, int | None]) -> list[str]:
    accepted, deposit = amounts["acceptedCumulative"], amounts["deposit"]
    settled, spent = amounts["settled"], amounts["spent"]
    if accepted is None or deposit is None or settled is None or spent is None:
        return []
    bad = []
    if accepted > deposit:
        bad.append("more is accepted than was deposited")
    if settled > accepted:
        bad.append("more is settled than was accepted")
    if spent > accepted:
        bad.append("more is spent than was accepted")
    return bad


def _channel_header(case: Case) -> Hits | None:
    values = case.answer.values(_CHANNEL_HEADER)
    if not values or not case.offers:
        return None
    return [hit for value in values for hit in _channel_id(value)]


_DRAFT: Final = "tempo session"
SESSION_RULES: Final = (
    Rule(id="session-escrow", level=L.FAIL, check=_session(_escrow), good="the escrow is the channel reserve or named",
         spec=f"{_DRAFT} §Method Details", fix=f"name the channel reserve {RESERVE}, or the escrow contract for v1"),
    Rule(id="session-protocol", level=L.WARN, check=_session(_version), good="the session protocol is a known one",
         spec=f"{_DRAFT} §Protocol Versions", fix='send sessionProtocol: "v2" with the channel reserve'),
    Rule(id="session-chain", level=L.WARN, check=_session(_chain), good="the chain is named and known",
         spec=f"{_DRAFT} §Method Details", fix="state methodDetails.chainId: 4217 for mainnet, 42431 for Moderato"),
    Rule(id="session-price", level=L.FAIL, check=_session(_price), good="a unit has a price that a channel can hold",
         spec=f"{_DRAFT} §Request Schema", fix="ask at least one base unit, and no more than 2^96 - 1"),
    Rule(id="session-unit", level=L.INFO, check=_session(_unit), good="the priced unit is named",
         spec=f"{_DRAFT} §Request Schema", fix="send unitType, such as request or llm_token"),
    Rule(id="session-deposit", level=L.FAIL, check=_session(_deposit), good="the suggested deposit covers a unit",
         spec=f"{_DRAFT} §Request Schema", fix="suggest a deposit of several units, in base units as text"),
    Rule(id="session-voucher-delta", level=L.FAIL, check=_session(_delta), good="the smallest voucher step is sane",
         spec=f"{_DRAFT} §Method Details", fix="send minVoucherDelta as text, well below the deposit"),
    Rule(id="session-request", level=L.FAIL, check=_session(_types), good="every member of the session has its type",
         spec=f"{_DRAFT} §Session Request Schema", fix="follow the schema of the draft"),
    Rule(id="session-hex-case", level=L.INFO, check=_session(_small_hex), good="hex is in lower case",
         spec=f"{_DRAFT} §Encoding Conventions", fix="write addresses and ids in lower case"),
    Rule(id="session-snapshot", level=L.FAIL, check=_session(_snapshot), good="the snapshot fits its channel",
         spec=f"{_DRAFT} §Session Snapshot", fix="build the snapshot from the channel that the challenge is about"),
    Rule(id="session-header", level=L.FAIL, check=_channel_header, good="Payment-Session names a channel",
         spec=f"{_DRAFT} §Session Snapshot", fix="send the channel id, 0x and 64 hexadecimal digits"),
)  # fmt: skip
