"""What an API key may do, in the words of the venues that tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from investbot.adapters.venues.ccxt.caller import Caller
from investbot.domain.errors import VenueUnavailable
from investbot.ports.trading import KeyRights

UNKNOWN = KeyRights(None, None, None)


async def key_rights(exchange: Any, caller: Caller) -> KeyRights:
    """Ask the venue what the key may do; all None where it does not tell, VenueError when it should and did not."""
    asked = _QUESTIONS.get(exchange.id)
    method = getattr(exchange, asked[0], None) if asked else None
    if asked is None or method is None:
        return UNKNOWN
    if exchange.isSandboxModeEnabled and exchange.id == "binance":
        return UNKNOWN  # the sandbox has no such address
    answer = await caller.ask("rights", {}, own=method)
    if not isinstance(answer, Mapping):
        raise VenueUnavailable(f"{exchange.id} does not tell what the key may do.")
    rights: KeyRights = asked[1](answer)
    return rights


def _binance(answer: Mapping[str, Any]) -> KeyRights:
    return KeyRights(
        trade=_flag(answer.get("enableSpotAndMarginTrading")),
        withdraw=_flag(answer.get("enableWithdrawals")),
        ip_restricted=_flag(answer.get("ipRestrict")),
    )


def _bybit(answer: Mapping[str, Any]) -> KeyRights:
    told = answer.get("result")
    if not isinstance(told, Mapping) or not isinstance(told.get("permissions"), Mapping):
        return UNKNOWN
    rights, addresses = told["permissions"], told.get("ips")
    reads_only = str(told.get("readOnly")) == "1"
    return KeyRights(
        trade=not reads_only and "SpotTrade" in (rights.get("Spot") or []),
        withdraw="Withdraw" in (rights.get("Wallet") or []),
        ip_restricted=isinstance(addresses, list) and bool(addresses) and addresses != ["*"],
    )


def _okx(answer: Mapping[str, Any]) -> KeyRights:
    data = answer.get("data")
    told = data[0] if isinstance(data, list) and data else None
    if not isinstance(told, Mapping) or not isinstance(told.get("perm"), str):
        return UNKNOWN
    rights = told["perm"].split(",")
    addresses = told.get("ip")
    return KeyRights("trade" in rights, "withdraw" in rights, bool(addresses) if isinstance(addresses, str) else None)


def _flag(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


_QUESTIONS: dict[str, tuple[str, Any]] = {
    "binance": ("sapiGetAccountApiRestrictions", _binance),
    "bybit": ("privateGetV5UserQueryApi", _bybit),
    "okx": ("privateGetAccountConfig", _okx),
}
