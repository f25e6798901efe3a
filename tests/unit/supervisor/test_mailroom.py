from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from investbot.domain import events as e
from investbot.domain.errors import VaultError
from investbot.domain.market import DAY
from investbot.domain.states import InstanceState as S
from investbot.domain.states import TradingState
from investbot.ports.notifier import Kind, Notice
from investbot.supervisor.life_notices import Told
from investbot.supervisor.lifecycle import Life
from investbot.supervisor.mailroom import PAGE, ROLL, Mailroom, Move
from investbot.supervisor.news import Route
from investbot.supervisor.summaries import is_monday
from tests.fakes.news import NOON, TODAY, Letterbox, MemoryNews


def breach(number: int = 1) -> e.Event:
    return e.TradingStateChanged(NOON + number, TradingState.REDUCING, f"daily_loss: number {number}")


def quiet() -> e.Event:
    return e.PeakRaised(NOON, Decimal(1))


def texts(room: Mailroom) -> list[str]:
    return [notice.text.partition("\n")[0] for _, notice in room.outbox.due(NOON + 2 * DAY, lambda _: True)]


def titles(room: Mailroom) -> list[str]:
    return [notice.title for _, notice in room.outbox.due(NOON + 2 * DAY, lambda _: True)]


def midnight(days: int) -> int:
    """When the day that is so many days from today begins, as far as summaries go."""
    return (TODAY + days) * DAY + ROLL


@pytest.fixture
def news() -> MemoryNews:
    news = MemoryNews(fleet=Letterbox())
    news.ledgers = {"alpha": [], "beta": []}
    return news


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.jsonl"


def begin(path: Path, news: MemoryNews) -> Mailroom:
    room = Mailroom(path, news)
    room.reload(NOON)
    return room


def test_an_instance_begins_with_what_happens_from_then_on(path: Path, news: MemoryNews) -> None:
    news.ledgers["alpha"] = [breach(1)]
    room = begin(path, news)
    assert texts(room) == []
    news.ledgers["alpha"] += [quiet(), breach(2)]
    assert not room.look("alpha", NOON)
    assert texts(room) == ["number 2"]
    assert not room.look("alpha", NOON)
    assert texts(room) == ["number 2"]


def test_what_was_missed_is_read_in_the_ledger(path: Path, news: MemoryNews) -> None:
    begin(path, news)
    news.ledgers["alpha"] = [breach(1), quiet(), breach(2)]
    again = begin(path, news)
    assert texts(again) == ["number 1", "number 2"]
    third = begin(path, news)
    assert texts(third) == ["number 1", "number 2"]


def test_a_ledger_that_is_younger_is_another_one(path: Path, news: MemoryNews) -> None:
    news.ledgers["alpha"] = [breach(n) for n in range(5)]
    begin(path, news)
    news.ledgers["alpha"] = [breach(10)]
    room = begin(path, news)
    news.ledgers["alpha"].append(breach(11))
    room.look("alpha", NOON)
    assert texts(room) == ["number 11"]


def test_one_that_was_removed_is_forgotten(path: Path, news: MemoryNews) -> None:
    news.ledgers["alpha"] = [breach(n) for n in range(5)]
    room = begin(path, news)
    del news.ledgers["alpha"]
    room.reload(NOON)
    news.ledgers["alpha"] = [breach(10)] * 9
    room.reload(NOON)
    assert room.outbox.cursor("alpha") == 9
    assert texts(room) == []


def test_more_than_a_page_is_read_page_by_page(path: Path, news: MemoryNews) -> None:
    news.kinds = frozenset({Kind.LIMITS})
    room = begin(path, news)
    room.outbox._most = 10_000
    news.ledgers["alpha"] = [breach(n) for n in range(PAGE + 3)]
    assert room.look("alpha", NOON)
    assert len(texts(room)) == PAGE
    assert not room.look("alpha", NOON)
    assert texts(room) == [f"number {n}" for n in range(PAGE + 3)]


def test_how_far_a_quiet_ledger_was_read_is_written_down_now_and_then(path: Path, news: MemoryNews) -> None:
    room = begin(path, news)
    news.ledgers["alpha"] = [quiet()] * 10
    room.look("alpha", NOON)
    assert room.outbox.cursor("alpha") == 0
    news.ledgers["alpha"] += [quiet()] * 600
    room.look("alpha", NOON)
    assert room.outbox.cursor("alpha") == 610


def test_without_an_address_nothing_is_read_or_kept(path: Path, news: MemoryNews) -> None:
    news.ways = {}
    news.ledgers["alpha"] = [breach()]
    room = begin(path, news)
    assert not room.look("alpha", NOON)
    room.moved(Move("alpha", Life(S.FATAL), None, NOON))
    room.compare([Move("alpha", Life(S.FATAL), None, NOON)], NOON)
    room.midnight(NOON)
    room.goes_down(NOON)
    assert (news.reads, room.outbox.waiting(), room.outbox.day, room.outbox.cursor("alpha")) == (0, 0, None, None)


def test_news_takes_the_instances_own_way_where_there_is_one(path: Path, news: MemoryNews) -> None:
    news.way("beta", Letterbox())
    room = begin(path, news)
    assert room.route_of(Notice(NOON, Kind.TRADES, "x", "alpha")) == ""
    assert room.route_of(Notice(NOON, Kind.TRADES, "x", "beta")) == "beta"
    del news.ways[""]
    room.reload(NOON)
    assert room.route_of(Notice(NOON, Kind.TRADES, "x", "alpha")) is None


def test_what_has_no_way_out_any_more_is_thrown_away(path: Path, news: MemoryNews) -> None:
    news.way("beta", Letterbox())
    room = begin(path, news)
    news.ledgers["alpha"], news.ledgers["beta"] = [breach(1)], [breach(2)]
    room.reload(NOON)
    assert texts(room) == ["number 1", "number 2"]
    del news.ways[""]
    room.reload(NOON)
    assert texts(room) == ["number 2"]


def test_a_vault_that_cannot_be_read_takes_no_address_away(
    path: Path, news: MemoryNews, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = begin(path, news)

    def broken() -> dict[str, Route]:
        raise VaultError("The vault was altered.")

    monkeypatch.setattr(news, "routes", broken)
    assert list(room.reload(NOON)) == [""]
    assert dict(begin(path, news)._routes) == {}


def test_a_ledger_that_cannot_be_read_keeps_no_other_from_being_told(path: Path, news: MemoryNews) -> None:
    room = begin(path, news)
    news.broken = {"alpha"}
    news.ledgers["beta"] = [breach(1)]
    assert not room.look("alpha", NOON)
    room.reload(NOON)
    assert not room.look("nobody", NOON)
    assert texts(room) == ["number 1"]


def test_a_move_is_told_once_also_over_a_death(path: Path, news: MemoryNews) -> None:
    room = begin(path, news)
    running = Move("alpha", Life(S.RUNNING), 7, NOON)
    room.moved(Move("alpha", Life(S.STARTING), 7, NOON))
    room.moved(running)
    room.moved(running)
    assert titles(room) == ["alpha is RUNNING"]
    again = begin(path, news)
    again.moved(running)
    assert titles(again) == ["alpha is RUNNING"]
    assert again.outbox.told("alpha") == Told("RUNNING", 7)


def test_a_move_of_one_whose_settings_are_broken_is_told(path: Path, news: MemoryNews) -> None:
    room = begin(path, news)
    news.broken = {"alpha"}
    room.moved(Move("alpha", Life(S.FATAL, exit_code=78, error="Settings."), None, NOON))
    assert titles(room) == ["alpha is parked (FATAL)"]


def test_of_a_companion_only_failures_are_told(path: Path, news: MemoryNews) -> None:
    room = begin(path, news)
    for life in (Life(S.RUNNING), Life(S.STOPPED), Life(S.STARTING)):
        room.moved(Move("feed", life, None, NOON))
    assert titles(room) == []
    room.moved(Move("feed", Life(S.BACKOFF, error="A bug."), None, NOON))
    ((_, notice),) = room.outbox.due(NOON, lambda _: True)
    assert (notice.title, notice.text, notice.name) == ("feed crashed", "A bug.", "")
    assert room.outbox.told("feed") is None


def test_a_move_nobody_chose_is_remembered_all_the_same(path: Path, news: MemoryNews) -> None:
    news.kinds = frozenset({Kind.TRADES})
    room = begin(path, news)
    room.moved(Move("alpha", Life(S.RUNNING), 7, NOON))
    room.moved(Move("beta", Life(S.FATAL), None, NOON))
    assert titles(room) == ["beta is parked (FATAL)"]
    assert room.outbox.told("alpha") == Told("RUNNING", 7)


def died_with(path: Path, news: MemoryNews, *names: str) -> Mailroom:
    """A supervisor told that these run, and was killed; give the next one."""
    room = begin(path, news)
    room.compare([], NOON)
    for pid, name in enumerate(names, 7):
        room.moved(Move(name, Life(S.RUNNING), pid, NOON))
    room.outbox.gone(number for number, _ in room.outbox.all_but(lambda _: False))
    return begin(path, news)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Move("alpha", Life(S.STARTING), 7, NOON), []),
        (Move("alpha", Life(S.STARTING), None, NOON), ["alpha ended while no supervisor watched"]),
        (Move("alpha", Life(S.STARTING), 8, NOON), ["alpha ended while no supervisor watched"]),
        (Move("alpha", Life(S.BACKOFF), None, NOON), ["alpha ended while no supervisor watched"]),
        (Move("alpha", Life(S.STOPPED), None, NOON), ["alpha was stopped"]),
        (Move("alpha", Life(S.EXITED), None, NOON), ["alpha has finished"]),
        (Move("alpha", Life(S.FATAL), None, NOON), ["alpha is parked (FATAL)"]),
    ],
)
def test_what_became_of_an_instance_meanwhile_is_told(
    path: Path, news: MemoryNews, found: Move, told: list[str]
) -> None:
    room = died_with(path, news, "alpha")
    room.compare([found, Move("beta", Life(S.STARTING), None, NOON)], NOON)
    assert sorted(titles(room)) == sorted([*told, "The supervisor is back after it died"])
    room.moved(Move("alpha", Life(S.RUNNING), found.pid, NOON))
    assert ("alpha is RUNNING again after a failure" in titles(room)) is (
        told[:1] == ["alpha ended while no supervisor watched"]
    )


def test_one_that_lived_on_is_named_and_not_told_as_new(path: Path, news: MemoryNews) -> None:
    room = died_with(path, news, "alpha", "beta")
    room.compare([Move("alpha", Life(S.STARTING), 7, NOON), Move("beta", Life(S.STARTING), 8, NOON)], NOON)
    room.moved(Move("alpha", Life(S.RUNNING), 7, NOON))
    (back,) = [notice for _, notice in room.outbox.due(NOON, lambda _: True)]
    assert back.text == "2 instances lived on: alpha, beta."


def test_an_end_unseen_of_one_with_broken_settings_is_told(path: Path, news: MemoryNews) -> None:
    room = died_with(path, news, "alpha")
    news.broken = {"alpha"}
    room.compare([Move("alpha", Life(S.STARTING), None, NOON)], NOON)
    assert "alpha ended while no supervisor watched" in titles(room)


def test_after_going_down_in_order_it_is_simply_up(path: Path, news: MemoryNews) -> None:
    room = begin(path, news)
    room.compare([], NOON)
    room.goes_down(NOON)
    again = begin(path, news)
    again.compare([], NOON)
    assert titles(again) == ["The supervisor is up", "The supervisor goes down", "The supervisor is up"]


def test_a_broken_fleet_file_keeps_nobody_from_hearing(
    path: Path, news: MemoryNews, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> frozenset[Kind]:
        from investbot.domain.errors import ConfigError

        raise ConfigError("broken")

    monkeypatch.setattr(news, "fleet_kinds", broken)
    room = begin(path, news)
    room.fleet_notice(Notice(NOON, Kind.LIMITS, "x"), NOON)
    assert titles(room) == ["x"]


def test_a_day_is_summed_up_once_and_the_first_is_not(path: Path, news: MemoryNews) -> None:
    room = begin(path, news)
    room.midnight(NOON)
    assert (titles(room), room.outbox.day) == ([], TODAY - 1)
    room.midnight(midnight(1) - 1)
    assert titles(room) == []
    room.midnight(midnight(1))
    told = [
        "Daily summary of alpha, 2026-01-02",
        "Daily summary of beta, 2026-01-02",
        "Daily summary of the fleet, 2026-01-02",
    ]
    assert titles(room) == told
    again = begin(path, news)
    again.midnight(midnight(1) + 5)
    assert titles(again) == told


def test_of_days_that_were_missed_the_last_is_told(path: Path, news: MemoryNews) -> None:
    begin(path, news).midnight(NOON)
    room = begin(path, news)
    room.midnight(midnight(3) + 5)
    assert titles(room)[-1] == "Weekly summary of the fleet, 2025-12-29 to 2026-01-04"
    assert [title for title in titles(room) if title.startswith("Daily")][-1].endswith("2026-01-04")
    assert is_monday(TODAY + 3)
    weekly = [each for _, each in room.outbox.due(NOON + 9 * DAY, lambda each: each.kind is Kind.WEEKLY)]
    assert dict(weekly[0].fields)["Result"] == "+7 USDT"


def test_replays_and_broken_ones_have_no_day(path: Path, news: MemoryNews) -> None:
    room = begin(path, news)
    room.midnight(NOON)
    news.results["alpha"] = None
    news.broken = {"beta"}
    room.midnight(midnight(1))
    assert titles(room) == []


def test_summaries_go_only_where_they_were_chosen(path: Path, news: MemoryNews) -> None:
    news.kinds = frozenset({Kind.TRADES})
    room = begin(path, news)
    room.midnight(NOON)
    room.midnight(midnight(1))
    assert titles(room) == []
    news.kinds = frozenset({Kind.DAILY})
    news.ways = {"alpha": Letterbox().route()}
    room.reload(NOON)
    room.midnight(midnight(2))
    assert titles(room) == ["Daily summary of alpha, 2026-01-03"]
