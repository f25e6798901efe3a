from __future__ import annotations

from decimal import Decimal

import pytest

from investbot.domain.market import DAY
from investbot.domain.states import InstanceState as S
from investbot.ports.notifier import Kind, Notice, Tone, Weight
from investbot.supervisor import life_notices as lives
from investbot.supervisor import summaries
from investbot.supervisor.life_notices import Told
from investbot.supervisor.lifecycle import Life
from investbot.supervisor.summaries import Result

AT = 1_767_355_445_000


def of(life: Life, pid: int | None = None, before: Told | None = None) -> Notice | None:
    return lives.of_life("alpha", "live", life, Told(life.state.value, pid), before, AT)


@pytest.mark.parametrize(
    ("life", "title", "weight", "topic"),
    [
        (Life(S.RUNNING), "alpha is RUNNING", Weight.LIGHT, ""),
        (Life(S.RUNNING, attempts=2, restarts=5), "alpha is RUNNING again after a failure", Weight.LIGHT, "alpha:life"),
        (Life(S.STOPPED), "alpha was stopped", Weight.LIGHT, ""),
        (Life(S.EXITED, exit_code=0), "alpha has finished", Weight.LIGHT, ""),
        (Life(S.BACKOFF, exit_code=70, error="A bug."), "alpha crashed", Weight.GRAVE, "alpha:life"),
        (Life(S.BACKOFF, exit_code=75), "alpha asks to be tried again", Weight.GRAVE, "alpha:life"),
        (Life(S.FATAL, exit_code=77, error="The key is wrong."), "alpha is parked (FATAL)", Weight.ALARM, ""),
    ],
)
def test_each_state_that_matters_is_told(life: Life, title: str, weight: Weight, topic: str) -> None:
    notice = of(life)
    assert notice is not None
    assert (notice.title, notice.weight, notice.topic) == (title, weight, topic)
    assert (notice.kind, notice.name, notice.mode) == (Kind.LIFECYCLE, "alpha", "live")


def test_why_and_what_to_do_is_told() -> None:
    parked = of(Life(S.FATAL, exit_code=77, error="The key is wrong."))
    assert parked is not None
    assert parked.text.startswith("The key is wrong.\nExit code 77. It stays down until `investbot start alpha`")
    killed = of(Life(S.BACKOFF, exit_code=-9))
    assert killed is not None
    assert killed.text == "It ended without a word.\nSignal 9. It is started again by itself."
    unknown = of(Life(S.FATAL))
    assert unknown is not None
    assert "Nobody can tell its exit code." in unknown.text


@pytest.mark.parametrize("state", [S.STARTING, S.STOPPING])
def test_what_only_leads_on_is_not_told(state: S) -> None:
    assert of(Life(state)) is None


def test_what_was_told_is_not_told_again() -> None:
    assert of(Life(S.RUNNING), 7, Told("RUNNING", 7)) is None
    assert of(Life(S.RUNNING), 8, Told("RUNNING", 7)) is not None
    assert of(Life(S.STOPPED), None, Told("STOPPED")) is None


def test_a_start_after_a_crash_is_one_even_when_the_count_was_lost() -> None:
    notice = of(Life(S.RUNNING), 8, Told("BACKOFF"))
    assert notice is not None
    assert notice.title.endswith("again after a failure")


def test_what_went_on_unseen_is_told_as_such() -> None:
    again = lives.ended_unseen("alpha", "paper", AT, again=True)
    assert (again.weight, again.topic) == (Weight.GRAVE, "alpha:life")
    down = lives.ended_unseen("alpha", "paper", AT, again=False)
    assert (down.weight, down.topic) == (Weight.ALARM, "")
    assert "`investbot start alpha`" in down.text


def test_the_supervisor_tells_of_itself() -> None:
    assert lives.supervisor_back(AT, ["a", "b"]).text == "2 instances lived on: a, b."
    assert lives.supervisor_back(AT, []).text == "No instance lived on."
    assert lives.supervisor_up(AT).title == "The supervisor is up"
    assert lives.supervisor_down(AT).title == "The supervisor goes down"


GOOD = Result("paper", "USDT", Decimal("510.50"), Decimal("10.50"), Decimal("0.4"), 3, 2, 3, 1, "ACTIVE")
BAD = Result("paper", "USDT", Decimal(480), Decimal(-20), Decimal("0.1"), 1, 0, 1, 0, "REDUCING")
IDLE = Result("live", "EUR")
FIRST = 20_455  # 2026-01-02


def test_the_day_of_an_instance() -> None:
    notice = summaries.of_instance(Kind.DAILY, "alpha", FIRST, FIRST, GOOD, AT)
    assert notice.title == "Daily summary of alpha, 2026-01-02"
    assert (notice.tone, notice.name, notice.mode, notice.kind) == (Tone.GAIN, "alpha", "paper", Kind.DAILY)
    assert notice.fields == (
        ("Result", "+10.5 USDT"),
        ("Equity", "510.5 USDT"),
        ("Round trips", "3 (2 won)"),
        ("Entries", "3"),
        ("Fees", "0.4 USDT"),
        ("Open positions", "1"),
        ("Trading", "ACTIVE"),
    )
    idle = dict(summaries.of_instance(Kind.WEEKLY, "beta", FIRST, FIRST + 6, IDLE, AT).fields)
    assert (idle["Result"], idle["Equity"], idle["Round trips"], idle["Trading"]) == ("–", "–", "none", "–")


def test_the_fleet_adds_up_by_money_and_shows_the_worst_first() -> None:
    results = {"alpha": GOOD, "beta": BAD, "gamma": IDLE}
    notice = summaries.of_fleet(Kind.WEEKLY, FIRST, FIRST + 6, results, AT)
    assert notice.title == "Weekly summary of the fleet, 2026-01-02 to 2026-01-08"
    assert notice.fields == (
        ("LIVE · 1 instances", "0 EUR, 0 round trips (0 won), fees 0 EUR"),
        ("paper · 2 instances", "-9.5 USDT, 4 round trips (2 won), fees 0.5 USDT"),
    )
    assert notice.text.splitlines() == [
        "beta: -20 USDT, 1 round trips, REDUCING",
        "gamma: nothing booked, 0 round trips",
        "alpha: +10.5 USDT, 3 round trips",
    ]
    assert notice.tone is Tone.PLAIN
    assert summaries.of_fleet(Kind.DAILY, FIRST, FIRST, {"a": GOOD}, AT).tone is Tone.GAIN
    assert summaries.of_fleet(Kind.DAILY, FIRST, FIRST, {"a": BAD, "b": IDLE}, AT).tone is Tone.LOSS


def test_mondays_are_known() -> None:
    assert [day for day in range(FIRST, FIRST + 14) if summaries.is_monday(day)] == [FIRST + 3, FIRST + 10]
    assert summaries.is_monday(4)  # 1970-01-05
    assert DAY * FIRST == 1_767_312_000_000
