from __future__ import annotations

from typing import Any

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.venues.ccxt.rights import key_rights
from investbot.adapters.venues.ccxt.trading import CcxtTrading
from investbot.domain.errors import VenueUnavailable
from investbot.ports.trading import KeyRights
from tests.exchange.exchange import Exchange
from tests.unit.adapters.venues.ccxt.desk import BTC


class Told:
    """Stands for exchange and caller: the one answer."""

    def __init__(self, name: str, answer: object, *, sandbox: bool = False) -> None:
        self.id = name
        self.isSandboxModeEnabled = sandbox
        self.answer = answer
        self.sapiGetAccountApiRestrictions = self.privateGetV5UserQueryApi = self.privateGetAccountConfig = self

    async def ask(self, name: str, params: object, own: object) -> object:
        return self.answer


NOTHING = KeyRights(None, None, None)


@pytest.mark.parametrize(
    ("name", "answer", "rights"),
    [
        (
            "binance",
            {"ipRestrict": True, "enableWithdrawals": False, "enableSpotAndMarginTrading": True},
            KeyRights(True, False, True),
        ),
        (
            "binance",
            {"ipRestrict": "false", "enableWithdrawals": "TRUE", "enableSpotAndMarginTrading": None},
            KeyRights(None, True, False),
        ),
        ("binance", {}, NOTHING),
        (
            "bybit",
            {"result": {"readOnly": 0, "permissions": {"Spot": ["SpotTrade"], "Wallet": ["Withdraw"]}, "ips": ["*"]}},
            KeyRights(True, True, False),
        ),
        (
            "bybit",
            {"result": {"readOnly": 1, "permissions": {"Spot": ["SpotTrade"]}, "ips": ["10.0.0.1"]}},
            KeyRights(False, False, True),
        ),
        ("bybit", {"result": {"permissions": None}}, NOTHING),
        ("bybit", {"result": []}, NOTHING),
        ("okx", {"data": [{"perm": "read_only,trade", "ip": ""}]}, KeyRights(True, False, False)),
        ("okx", {"data": [{"perm": "read_only,withdraw", "ip": "1.2.3.4"}]}, KeyRights(False, True, True)),
        ("okx", {"data": [{"perm": "trade"}]}, KeyRights(True, False, None)),
        ("okx", {"data": []}, NOTHING),
        ("okx", {"data": [{}]}, NOTHING),
        ("kraken", {}, NOTHING),
    ],
)
async def test_rights_in_the_words_of_the_venue(name: str, answer: object, rights: KeyRights) -> None:
    told: Any = Told(name, answer)
    assert await key_rights(told, told) == rights


async def test_the_sandbox_of_binance_does_not_tell() -> None:
    told: Any = Told("binance", {"enableWithdrawals": True}, sandbox=True)
    assert await key_rights(told, told) == NOTHING


async def test_an_answer_that_is_none_is_not_taken_for_few_rights() -> None:
    told: Any = Told("binance", "<html>")
    with pytest.raises(VenueUnavailable, match="does not tell what the key may do"):
        await key_rights(told, told)


@pytest.mark.parametrize(
    ("key", "rights"),
    [
        ("main", KeyRights(True, False, True)),
        ("withdraw", KeyRights(True, True, True)),
        ("reader", KeyRights(False, False, True)),
        ("anywhere", KeyRights(True, False, False)),
    ],
)
async def test_the_rights_of_keys_on_the_loopback_exchange(key: str, rights: KeyRights) -> None:
    async with Exchange() as exchange:
        settings = exchange.settings() | {"timeout_on_exit": 1}
        venue = CcxtTrading("binance", exchange.credentials(key), SystemClock(), settings=settings)
        await venue.connect({"BTC/USDT": BTC})
        assert await venue.rights() == rights
        await venue.close()
