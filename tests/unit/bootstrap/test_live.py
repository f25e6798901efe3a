"""Who may trade at a venue: modes, keys, consent, ledgers; and what the account says to that."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from investbot.adapters.clock import SystemClock
from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.secrets import set_secrets
from investbot.adapters.venues.ccxt.breaker import Circuit
from investbot.adapters.venues.ccxt.trading import CcxtTrading, TradingHealth
from investbot.bootstrap import live
from investbot.bootstrap.account import (
    Account,
    admit,
    ask_venue,
    check_capital,
    demand_none_left,
    look_at_keys,
    read_account,
)
from investbot.bootstrap.consent import FILE, allow_live, allow_withdrawals, allows_withdrawals, read_consent
from investbot.bootstrap.home import Home, InstanceHome
from investbot.bootstrap.instance import run_foreground
from investbot.bootstrap.live import (
    WatchedVenue,
    demand_allowed,
    demand_tradeable,
    has_begun,
    trading_venue,
    venue_keys,
)
from investbot.config.instance import InstanceConfig, load_instance, set_values
from investbot.config.version_files import FOLDER, file_of
from investbot.config.versions import save
from investbot.domain.errors import AuthFailed, ConfigError, TryAgain, UnknownInstance, VenueUnavailable
from investbot.domain.events import CapitalAllocated, Event, OrderChanged, OrderPlaced, PlanMade, SettingsApplied
from investbot.domain.order import Order, OrderState, OrderType, Role, Side
from investbot.domain.position import ExitPlan
from investbot.ports.trading import KeyRights
from tests.fakes.venue import FakeVenue
from tests.integration.instance_homes import KEY, make_home, make_instance, replaying, write_candles

KEYS = {"apiKey": "public-words", "secret": "secret-words"}
GOOD = KeyRights(trade=True, withdraw=False, ip_restricted=True)
LIVE = ("venue.name=binance", "venue.mode=live")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "fleet")


def at_venue(
    home: Home, name: str, *settings: str, keys: Mapping[str, str] = KEYS, capital: str = "1000"
) -> InstanceHome:
    folder = make_instance(home, name, *(settings or LIVE), capital=capital)
    set_secrets(folder.ledger, KEY, keys, 0)
    return folder


def config_of(folder: InstanceHome) -> InstanceConfig:
    return load_instance(folder.path)


def telling(free: str = "5000", rights: KeyRights = GOOD) -> Account:
    return Account(rights, Decimal(free), "USDT")


def admitted(home: Home, name: str, account: Account, **more: bool) -> Account | None:
    return admit(home, name, lambda _: KEY, lambda _name, _key: account, by="ana", **more)


def open_order(folder: InstanceHome, state: OrderState, venue_order_id: str | None) -> None:
    plan = ExitPlan("1", "BTC/USDT", "s1", Decimal("0.01"), (), Decimal(0), 0, Decimal(1))
    order = Order(
        "1-entry-1", "ib1", "1", 5, "BTC/USDT", Side.BUY, OrderType.LIMIT, Role.ENTRY, Decimal(1), "", Decimal(100)
    )
    events: list[Event] = [CapitalAllocated(5, Decimal(500), Decimal(500)), PlanMade(5, plan), OrderPlaced(5, order)]
    book(folder, *events, OrderChanged(5, "1-entry-1", state, venue_order_id, ""))


def book(folder: InstanceHome, *events: Event) -> None:
    with closing(SqlcipherLedger.open(folder.ledger, KEY)) as ledger:
        ledger.append(events, None)


# ---- who may trade at all ------------------------------------------------------------------------------------------


def test_paper_needs_nothing(home: Home) -> None:
    alpha = make_instance(home, "alpha", "venue.name=binance")
    demand_tradeable(config_of(alpha), {})
    demand_allowed(config_of(alpha), alpha, KEY)
    assert admitted(home, "alpha", telling("0", KeyRights(False, True, False))) is None


@pytest.mark.parametrize("keys", [{}, {"apiKey": "a"}, {"secret": "b"}, {"walletAddress": "c"}])
def test_real_orders_need_keys(home: Home, keys: dict[str, str]) -> None:
    alpha = at_venue(home, "alpha", keys=keys)
    with pytest.raises(AuthFailed, match="`investbot keys set alpha`"):
        demand_tradeable(config_of(alpha), venue_keys(alpha, KEY))


@pytest.mark.parametrize("keys", [KEYS, {"privateKey": "a", "walletAddress": "b"}])
def test_with_keys_an_exchange_is_traded_on(home: Home, keys: dict[str, str]) -> None:
    alpha = at_venue(home, "alpha", keys=keys | {"discord": "https://example.invalid/hook"})
    known = venue_keys(alpha, KEY)
    assert known == keys
    assert isinstance(trading_venue(config_of(alpha), known, home, SystemClock()), CcxtTrading)


def test_a_venue_of_candles_only_takes_no_orders(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    alpha = at_venue(home, "alpha")
    monkeypatch.setattr(live, "venue_names", lambda: ["binance"])
    with pytest.raises(ConfigError, match="binance takes no orders"):
        demand_tradeable(config_of(alpha), KEYS)


@pytest.mark.parametrize("mode", ["live", "sandbox"])
def test_one_switch_holds_real_orders_back(home: Home, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    alpha = at_venue(home, "alpha", "venue.name=binance", f"venue.mode={mode}")
    monkeypatch.setattr(live, "LIVE_READY", False)
    with pytest.raises(ConfigError, match=f"alpha is set to {mode}, and this version only trades on paper"):
        demand_tradeable(config_of(alpha), KEYS)
    assert run_foreground(home.path, "alpha", KEY).exit_code == 78


def test_real_money_needs_a_word_of_an_operator(home: Home) -> None:
    alpha, beta = at_venue(home, "alpha"), at_venue(home, "beta", "venue.name=binance", "venue.mode=sandbox")
    ended = run_foreground(home.path, "alpha", KEY)
    assert (ended.exit_code, "`investbot start alpha`" in ended.message) == (78, True)
    demand_allowed(config_of(beta), beta, KEY)
    allow_live(alpha, 1, "ana", 0)
    demand_allowed(config_of(alpha), alpha, KEY)


def test_a_ledger_of_made_up_fills_is_no_beginning(home: Home, tmp_path: Path) -> None:
    alpha = replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 300))
    assert not has_begun(alpha, KEY)
    run_foreground(home.path, "alpha", KEY)
    assert has_begun(alpha, KEY)
    text = alpha.settings.read_text().replace('"replay"', '"binance"').replace('"paper"', '"sandbox"')
    alpha.settings.write_text(text)
    with pytest.raises(ConfigError, match="alpha has traded on paper"):
        demand_allowed(config_of(alpha), alpha, KEY)


@pytest.mark.parametrize("changed", [(OrderState.ACKNOWLEDGED, "77"), (OrderState.SENT, None)])
def test_a_ledger_of_real_orders_is_not_gone_on_with_on_paper(
    home: Home, changed: tuple[OrderState, str | None]
) -> None:
    alpha = at_venue(home, "alpha", "venue.name=binance", "venue.mode=sandbox")
    open_order(alpha, *changed)
    demand_allowed(config_of(alpha), alpha, KEY)
    alpha.settings.write_text(alpha.settings.read_text().replace('"sandbox"', '"paper"'))
    ended = run_foreground(home.path, "alpha", KEY)
    assert (ended.exit_code, "its ledger is of real orders" in ended.message) == (78, True)


@pytest.mark.parametrize("elsewhere", ["venue.mode=sandbox", "venue.name=kraken"])
def test_what_is_open_at_one_venue_is_not_looked_after_at_another(home: Home, elsewhere: str) -> None:
    alpha = at_venue(home, "alpha")
    open_order(alpha, OrderState.ACKNOWLEDGED, "77")
    moved = save(alpha.path, set_values(config_of(alpha), [elsewhere]), 9, "ana", "test")
    allow_live(alpha, moved.version, "ana", 9)
    book(alpha, SettingsApplied(9, moved.version, "ana", (), ("venue.mode: live -> sandbox", "venue.name: a -> b")))
    refused = r"position or an order at binance \(live\): go back with `investbot config rollback alpha 1`"
    with pytest.raises(ConfigError, match=refused):
        demand_allowed(config_of(alpha), alpha, KEY)
    book(alpha, OrderChanged(10, "1-entry-1", OrderState.CANCELLED, "77", ""))
    demand_allowed(config_of(alpha), alpha, KEY)


def test_what_began_at_this_venue_goes_on_there(home: Home) -> None:
    alpha = at_venue(home, "alpha")
    moved = save(alpha.path, set_values(config_of(alpha), ["venue.name=kraken"]), 9, "ana", "test")
    allow_live(alpha, moved.version, "ana", 9)
    open_order(alpha, OrderState.ACKNOWLEDGED, "77")
    book(alpha, SettingsApplied(9, moved.version, "ana", ("venue.name: binance -> kraken",), ()))
    demand_allowed(config_of(alpha), alpha, KEY)
    later = save(alpha.path, set_values(config_of(alpha), ["risk.cooldown=9m"]), 10, "ana", "test")
    demand_allowed(later, alpha, KEY)
    file_of(alpha.path / FOLDER, moved.version).unlink()
    demand_allowed(later, alpha, KEY)


# ---- consent -------------------------------------------------------------------------------------------------------


def test_consent_is_kept_by_version_and_by_key(home: Home) -> None:
    alpha = at_venue(home, "alpha")
    assert read_consent(alpha).version == 0
    allow_live(alpha, 3, "ana", 0)
    allow_withdrawals(alpha, KEYS, "eve", 1000)
    consent = read_consent(alpha)
    assert (consent.version, consent.by, consent.at) == (3, "eve", "1970-01-01T00:00:01Z")
    assert allows_withdrawals(alpha, KEYS)
    assert not allows_withdrawals(alpha, KEYS | {"secret": "another"})
    file = alpha.path / FILE
    assert not any(value in file.read_text() for value in KEYS.values())
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("{}")
    assert read_consent(alpha).version == 0


# ---- the account ---------------------------------------------------------------------------------------------------


def test_a_good_key_and_enough_money_may_start(home: Home) -> None:
    alpha = at_venue(home, "alpha")
    assert admitted(home, "alpha", telling("1000")) == telling("1000")
    assert read_consent(alpha).version == config_of(alpha).version
    assert read_account(telling().data()) == telling()


@pytest.mark.parametrize("unknown", [None, True])
def test_a_venue_that_does_not_tell_is_believed(home: Home, unknown: bool | None) -> None:
    at_venue(home, "alpha")
    assert admitted(home, "alpha", telling(rights=KeyRights(unknown, None, None)))


def test_a_key_that_may_not_trade_is_refused(home: Home) -> None:
    alpha = at_venue(home, "alpha")
    with pytest.raises(AuthFailed, match="may not trade"):
        admitted(home, "alpha", telling(rights=KeyRights(False, False, True)))
    assert read_consent(alpha).version == 0


def test_a_key_that_may_withdraw_is_refused_until_that_is_accepted(home: Home) -> None:
    alpha = at_venue(home, "alpha")
    told = telling(rights=KeyRights(True, True, True))
    with pytest.raises(AuthFailed, match="--accept-withdrawals"):
        admitted(home, "alpha", told)
    assert admitted(home, "alpha", told, accept_withdrawals=True)
    assert admitted(home, "alpha", told)
    set_secrets(alpha.ledger, KEY, {"apiKey": "another"}, 0)
    with pytest.raises(AuthFailed, match="may withdraw"):
        admitted(home, "alpha", told)


def test_made_up_money_may_be_withdrawn(home: Home) -> None:
    beta = at_venue(home, "beta", "venue.name=binance", "venue.mode=sandbox")
    assert admitted(home, "beta", telling(rights=KeyRights(True, True, False)))
    assert read_consent(beta).version == 0


def test_all_instances_of_an_account_count(home: Home) -> None:
    at_venue(home, "alpha", capital="600")
    at_venue(home, "beta", capital="500.5")
    at_venue(home, "gamma", keys={"apiKey": "another", "secret": "x"}, capital="700")
    at_venue(home, "delta", "venue.name=kraken", "venue.mode=live", capital="800")
    make_instance(home, "paper", capital="900")
    at_venue(home, "broken", capital="950").settings.write_text("[venue")
    assert admitted(home, "alpha", telling("1100.5"))
    with pytest.raises(ConfigError, match=r"alpha together with beta counts on 1100\.5 USDT and 1100\.4 is free"):
        admitted(home, "alpha", telling("1100.4"))
    with pytest.raises(ConfigError, match="gamma counts on 700 USDT and 699 is free at binance"):
        admitted(home, "gamma", telling("699"))


def test_a_new_allocation_must_be_there(home: Home) -> None:
    at_venue(home, "alpha", capital="600")
    check_capital(home, "alpha", lambda _: KEY, lambda _name, _key: telling("900"), Decimal(900))
    with pytest.raises(ConfigError, match="counts on 901 USDT and 900 is free"):
        check_capital(home, "alpha", lambda _: KEY, lambda _name, _key: telling("900"), Decimal(901))
    make_instance(home, "paper")
    check_capital(home, "paper", lambda _: KEY, lambda _name, _key: telling("0"), Decimal(901))


def test_earnings_count_and_what_is_held_does_not(home: Home, tmp_path: Path) -> None:
    alpha = replaying(home, "alpha", write_candles(tmp_path / "candles.csv", 300), "venue.replay.close_at_end=false")
    run_foreground(home.path, "alpha", KEY)
    text = alpha.settings.read_text().replace('"replay"', '"binance"').replace('"paper"', '"live"')
    alpha.settings.write_text(text)
    set_secrets(alpha.ledger, KEY, KEYS, 0)
    with pytest.raises(ConfigError, match="is free") as refused:
        check_capital(home, "alpha", lambda _: KEY, lambda _name, _key: telling("1"), Decimal(1000))
    assert "counts on 1000 " not in str(refused.value)
    with pytest.raises(ConfigError, match="is free"):
        check_capital(home, "alpha", lambda _: KEY, lambda _name, _key: telling("1"), Decimal(1200))


def test_what_a_flat_instance_left_is_named() -> None:
    told = [Account(GOOD, Decimal(0), "USDT", ("BTC/USDT 7",)), telling()]
    demand_none_left("alpha", lambda: told.pop(0), pause_s=0)
    assert not told
    with pytest.raises(TryAgain, match="BTC/USDT 7; flatten it again"):
        demand_none_left("alpha", lambda: Account(GOOD, Decimal(0), "USDT", ("BTC/USDT 7",)), pause_s=0)

    def silent() -> Account:
        raise VenueUnavailable("binance does not answer.")

    with pytest.raises(TryAgain, match="did not confirm that: binance does not answer"):
        demand_none_left("alpha", silent)


def test_keys_are_named_and_a_venue_asked_where_one_is_traded_at(home: Home) -> None:
    at_venue(home, "alpha")
    make_instance(home, "beta")
    account = Account(GOOD, Decimal(5), "USDT")
    told = look_at_keys(home, "alpha", KEY, lambda name, key: account)
    assert told == {
        "name": "alpha",
        "mode": "live",
        "keys": [{"key": each, "set_at": "1970-01-01T00:00:00Z"} for each in ("apiKey", "secret")],
        "trade": True,
        "withdraw": False,
        "ip_restricted": True,
    }

    def unasked(name: str, key: bytes) -> Account:
        raise AssertionError(name)

    told = look_at_keys(home, "beta", KEY, unasked)
    assert (told["mode"], told["keys"], told["trade"]) == ("paper", [], None)


def test_a_venue_is_asked_only_with_keys(home: Home) -> None:
    at_venue(home, "alpha", keys={})
    with pytest.raises(AuthFailed, match="no apiKey with its secret"):
        ask_venue(home, "alpha", KEY)
    with pytest.raises(UnknownInstance):
        ask_venue(home, "nobody", KEY)


# ---- health --------------------------------------------------------------------------------------------------------


async def test_health_tells_of_the_account_too() -> None:
    seen = TradingHealth(Circuit.OPEN, 0.5, 12, 1.0, "It failed.", {"fetch_order": {"answers": 3, "p50_ms": 1.5}})
    venue = WatchedVenue(FakeVenue([]), lambda: seen)
    told = venue.health()
    assert (told["circuit"], told["limit_left"], told["account_error"]) == ("open", "0.5", "It failed.")
    assert told["endpoint fetch_order"] == "answers=3 p50_ms=1.5"
