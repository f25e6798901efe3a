"""What notices are made of, out of a real vault, real settings and a real ledger."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from investbot.adapters.storage.ledger import SqlcipherLedger
from investbot.adapters.storage.reader import SqlcipherReader
from investbot.adapters.storage.vault import OpenVault, Vault
from investbot.adapters.storage.vault_file import KdfCost
from investbot.bootstrap.home import Home
from investbot.bootstrap.notices import FleetNews, addresses, secret_name
from investbot.domain import events as e
from investbot.domain.errors import ConfigError, UnknownInstance
from investbot.domain.market import DAY, Cursor
from investbot.ports.notifier import Kind
from investbot.supervisor.mailroom import Mailroom
from tests.fakes.news import Letterbox
from tests.integration.instance_homes import BEGIN, KEY, make_home, make_instance, replaying
from tests.unit.instance.hosts import BTC, PLAIN, make_engine, make_market, walk

FIRST = BEGIN // DAY
HOOK = "https://discord.com/api/webhooks/1/canary-hook"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Make a home: alpha has traded for a day and a half, beta replays, gamma has not begun."""
    home = make_home(tmp_path_factory.mktemp("fleet"))
    traded = make_instance(home, "alpha", "venue.name=binance", "tags=majors")
    replaying(home, "beta", Path("nowhere.csv"))
    make_instance(home, "gamma", "venue.name=binance", "notify.discord=trades, orders")
    engine = make_engine({BTC: PLAIN})
    market = make_market(engine)
    candles = walk(2200)
    events = engine.begin(candles[0].opened_at)
    for each in candles:
        events += market.step(each)
    ledger = SqlcipherLedger.open(traded.ledger, KEY)
    ledger.append(events, Cursor(BTC, candles[-1].opened_at))
    ledger.close()
    Vault.create(home.vault, "word", KdfCost(memory_kib=8, iterations=1, lanes=1)).close()
    return home


@pytest.fixture
def vault(made: Home) -> OpenVault:
    vault = Vault.unlock(made.vault, "word")
    for name in vault.secret_names():
        vault.secret_forget(name)
    return vault


@pytest.fixture
def news(made: Home, vault: OpenVault) -> FleetNews:
    return FleetNews(made, vault, lambda _: KEY, lambda _: None)


def test_addresses_come_out_of_the_vault(made: Home, vault: OpenVault) -> None:
    told: list[str] = []
    news = FleetNews(made, vault, lambda _: KEY, told.append)
    assert dict(news.routes()) == {}
    vault.secret_set(secret_name(), HOOK)
    vault.secret_set(secret_name("beta"), "nonsense")
    vault.secret_set(secret_name("gone"), HOOK)
    routes = news.routes()
    assert list(routes) == ["", "beta"]
    assert (routes[""].host, routes[""].why) == ("discord.com", "")
    assert routes[""].notifier is not None
    assert routes["beta"].notifier is None
    assert "investbot notify set discord --instance beta" in routes["beta"].why
    assert told == [HOOK], "the log is told what it must not show"
    assert HOOK not in repr(routes)


def test_another_base_and_a_broken_file(made: Home, vault: OpenVault) -> None:
    vault.secret_set(secret_name(), HOOK)
    whole = made.settings.read_text(encoding="utf-8")
    try:
        made.settings.write_text(f'{whole}\n[news]\ndiscord_base = "http://127.0.0.1:9"\ndiscord = "daily"\n')
        address = addresses(made, vault)[""]
        assert address is not None
        assert address.url == "http://127.0.0.1:9/api/webhooks/1/canary-hook"
        assert FleetNews(made, vault, lambda _: KEY, lambda _: None).fleet_kinds() == {Kind.DAILY}
        made.settings.write_text(f'{whole}\n[news]\ndiscord_base = "http://evil.test"\n')
        with pytest.raises(ConfigError, match="not where Discord can be"):
            FleetNews(made, vault, lambda _: KEY, lambda _: None).fleet_kinds()
        usual = addresses(made, vault)[""]
        assert usual is not None
        assert usual.url == HOOK, "a broken file keeps its own alarm from nobody"
    finally:
        made.settings.write_text(whole)


def test_what_was_chosen_is_read_anew(news: FleetNews) -> None:
    assert news.names() == ["alpha", "beta", "gamma"]
    assert news.subject("alpha").kinds == {Kind.TRADES, Kind.LIMITS, Kind.LIFECYCLE, Kind.DAILY}
    assert news.subject("gamma").kinds == {Kind.TRADES, Kind.ORDERS}
    assert (news.subject("alpha").name, news.subject("alpha").mode) == ("alpha", "paper")
    with pytest.raises(UnknownInstance):
        news.subject("nobody")


def test_events_are_read_by_kind_from_where_one_was(made: Home, news: FleetNews) -> None:
    with_all = SqlcipherReader.open(made.instance("alpha").ledger, KEY)
    try:
        everything = list(with_all.events())
    finally:
        with_all.close()
    assert news.last_seq("alpha") == everything[-1].seq
    assert news.last_seq("gamma") == 0
    closed = [each for each in everything if isinstance(each.event, e.PositionClosed)]
    assert len(closed) > 5
    assert news.events("alpha", 0, ("PositionClosed",), 10_000) == closed
    assert news.events("alpha", closed[1].seq, ("PositionClosed", "PositionOpened"), 1)[0].seq > closed[1].seq
    assert news.events("alpha", 0, ("PositionClosed",), 2) == closed[:2]
    assert news.events("gamma", 0, ("PositionClosed",), 2) == []


def test_days_add_up_to_what_the_ledger_says(news: FleetNews) -> None:
    first, both = news.result("alpha", FIRST, FIRST), news.result("alpha", FIRST, FIRST + 1)
    assert first is not None
    assert both is not None
    trips = [each.event.trip for each in news.events("alpha", 0, ("PositionClosed",), 10_000)]  # type: ignore[union-attr]
    assert both.trips == len(trips) > first.trips > 0
    assert both.won == sum(trip.net_pnl > 0 for trip in trips)
    rolled = news.events("alpha", 0, ("DayRolled",), 1)[0].event
    assert isinstance(rolled, e.DayRolled)
    assert (first.equity, first.earned) == (rolled.equity, rolled.equity - Decimal(1000))
    assert (first.mode, first.quote, first.trading_state) == ("paper", "USDT", "ACTIVE")
    nothing = news.result("alpha", FIRST + 50, FIRST + 50)
    assert nothing is not None
    assert (nothing.equity, nothing.earned, nothing.trips) == (None, None, 0)
    idle = news.result("gamma", FIRST, FIRST)
    assert idle is not None
    assert (idle.trips, idle.trading_state) == (0, "")


def test_a_replay_has_no_days_of_the_world(news: FleetNews) -> None:
    assert news.result("beta", FIRST, FIRST) is None


def test_a_real_entry_tells_all_its_figures(
    made: Home, news: FleetNews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "routes", lambda: {"": Letterbox().route()})
    opened = news.events("alpha", 0, ("PositionOpened",), 10_000)[-1]
    room = Mailroom(tmp_path / "outbox.jsonl", news)
    room.reload(0)
    room.outbox.forget(["alpha"])
    room.outbox.add([], 0, cursors={"alpha": opened.seq - 1})
    room._reached.clear()
    room.look("alpha", 0)
    notice = next(each for _, each in room.outbox.due(0, lambda each: each.key == f"alpha#{opened.seq}"))
    assert notice.title == "LONG BTC/USDT 1m"
    assert [name for name, _ in notice.fields] == [
        "Entry",
        "SL",
        "TP",
        "Confidence",
        "R:R",
        "Size",
        "Risk at the stop",
        "From",
    ]
    stops = [
        each.event.order.stop_price  # type: ignore[union-attr]
        for each in news.events("alpha", opened.seq, ("OrderPlaced",), 5)
        if each.event.order.role == "stop"  # type: ignore[union-attr]
    ]
    assert Decimal(dict(notice.fields)["SL"]) == stops[0]
    assert "net" in dict(notice.fields)["R:R"]
