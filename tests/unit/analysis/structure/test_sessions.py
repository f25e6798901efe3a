from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from investbot.analysis.analyser import Bars, columns
from investbot.analysis.structure.sessions import Session, Sessions, SessionSummary, open_sessions
from investbot.domain.errors import ConfigError
from investbot.domain.market import HOUR, Bar, Millis

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def millis(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> Millis:
    return (datetime(year, month, day, hour, minute, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def hours(begin: Millis, count: int, step: int = HOUR) -> Bars:
    """Bars that rise by one an hour: bar k opens at 100 + k, closes at 101 + k, reaches half a point further."""
    bars = [Bar(100.0 + k, 101.5 + k, 99.5 + k, 101.0 + k, 2.0) for k in range(count)]
    return columns(bars, [begin + (k + 1) * step for k in range(count)])


def of(session: Session, bars: Bars) -> list[SessionSummary]:
    return [summary for summary in Sessions().over(bars) if summary.session is session]


@pytest.mark.parametrize(
    ("session", "day", "begins", "ends"),
    [
        (Session.ASIA, (2024, 1, 9), 0, 9),
        (Session.ASIA, (2024, 7, 9), 0, 9),
        (Session.LONDON, (2024, 1, 9), 8, 17),
        (Session.LONDON, (2024, 7, 9), 7, 16),
        (Session.NEW_YORK, (2024, 1, 9), 13, 22),
        (Session.NEW_YORK, (2024, 7, 9), 12, 21),
        (Session.NEW_YORK, (2024, 3, 20), 12, 21),
        (Session.LONDON, (2024, 3, 20), 8, 17),
    ],
)
def test_sessions_keep_local_hours(session: Session, day: tuple[int, int, int], begins: int, ends: int) -> None:
    (summary,) = of(session, hours(millis(*day), 24))
    assert (summary.starts_at, summary.ends_at) == (millis(*day, begins), millis(*day, ends))
    assert (summary.open, summary.close) == (100.0 + begins, 100.0 + ends)
    assert (summary.low, summary.high) == (99.5 + begins, 100.5 + ends)
    assert summary.bars == 9
    assert summary.known_at == summary.ends_at


def test_what_money_did_is_summed_up() -> None:
    (summary,) = of(Session.ASIA, hours(millis(2024, 1, 9), 24))
    assert summary.volume == 18.0
    assert summary.signed_volume == pytest.approx(9.0)
    assert summary.change == pytest.approx(0.09)
    assert summary.width == pytest.approx(0.1)
    assert sum(volume for _, volume in summary.profile) == pytest.approx(18.0)
    assert [price for price, _ in summary.profile] == sorted(price for price, _ in summary.profile)


def test_the_point_of_control_is_the_price_of_most_volume() -> None:
    rows = [Bar(100, 100, 100, 100, 1.0), Bar(101, 101, 101, 101, 5.0), Bar(102, 102, 102, 102, 1.0)]
    begin = millis(2024, 1, 9)
    bars = columns([*rows, *rows, *rows, rows[0]], [begin + (k + 1) * HOUR for k in range(10)])
    (summary,) = of(Session.ASIA, bars)
    assert summary.poc == pytest.approx(101.05)
    assert [volume for _, volume in summary.profile] == [3.0, 15.0, 3.0]


def test_without_volume_there_is_no_point_of_control() -> None:
    bars = hours(millis(2024, 1, 9), 24)
    (summary,) = of(Session.ASIA, bars._replace(volume=bars.volume * 0.0))
    assert math.isnan(summary.poc)
    assert (summary.profile, summary.volume, summary.signed_volume) == ((), 0.0, 0.0)


def test_a_hole_over_the_end_is_told_by_the_next_bar() -> None:
    bars = hours(millis(2024, 1, 9), 24)
    kept = [pair for index, pair in enumerate(bars.each()) if not 6 <= index < 12]
    (summary,) = of(Session.ASIA, columns([bar for bar, _ in kept], [at for _, at in kept]))
    assert (summary.bars, summary.known_at) == (6, millis(2024, 1, 9, 13))


def test_a_session_that_goes_on_is_not_told() -> None:
    assert of(Session.ASIA, hours(millis(2024, 1, 9), 8)) == []


def test_a_day_without_any_bar_in_it_has_none() -> None:
    bars = columns([Bar(1, 1, 1, 1, 1)] * 3, [millis(2024, 1, day, 23, 30) for day in (9, 10, 11)])
    assert Sessions().over(bars) == ()


def test_a_bar_without_range_moves_no_money() -> None:
    begin = millis(2024, 1, 9)
    flat = columns([Bar(5, 5, 5, 5, 3.0)] * 10, [begin + (k + 1) * HOUR for k in range(10)])
    (summary,) = of(Session.ASIA, flat)
    assert (summary.signed_volume, summary.width) == (0.0, 0.0)


def test_prices_of_zero_have_no_width() -> None:
    begin = millis(2024, 1, 9)
    nothing = columns([Bar(0, 0, 0, 0, 1.0)] * 10, [begin + (k + 1) * HOUR for k in range(10)])
    (summary,) = of(Session.ASIA, nothing)
    assert (summary.change, summary.width, summary.profile) == (0.0, 0.0, ())


@pytest.mark.parametrize("step", [0.0, 0.2])
def test_a_bin_that_cannot_be_is_refused(step: float) -> None:
    with pytest.raises(ConfigError, match="step from"):
        Sessions(step)


@pytest.mark.parametrize(
    ("hour", "minute", "sessions"),
    [
        (8, 59, (Session.ASIA, Session.LONDON)),
        (9, 0, (Session.LONDON,)),
        (13, 0, (Session.LONDON, Session.NEW_YORK)),
        (17, 0, (Session.NEW_YORK,)),
        (22, 0, ()),
    ],
)
def test_the_sessions_of_a_winter_moment(hour: int, minute: int, sessions: tuple[Session, ...]) -> None:
    assert open_sessions(millis(2024, 1, 9, hour, minute)) == sessions
