"""Which archives go: so many daily, weekly and monthly ones stay, counted along their numbers and never from a clock.

There is no "now" in here: nothing goes because time has passed, only because enough newer archives are there. Clocks
are wrong at times (a board without a battery boots in 1970, somebody sets a year too many), so the days of archives are
believed only as far as they rise with the numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from investbot.domain.market import DAY, Millis

_MONDAY = 3
"""1970-01-01 was a Thursday: so many days after a Monday."""


@dataclass(frozen=True, slots=True)
class Made:
    """An archive as retention sees it: its number, what the clock said (milliseconds UTC), whether it was verified."""

    number: int
    at: Millis
    verified: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """How many archives stay: the last of each of so many days, weeks (from Monday) and months, all in UTC."""

    daily: int = 30
    weekly: int = 8
    monthly: int = 12


def kept(archives: Iterable[Made], rule: Rule) -> frozenset[int]:
    """Give the numbers of the archives that stay: always the newest, and the newest that was verified."""
    made = sorted(archives, key=lambda each: each.number)
    if not made:
        return frozenset()
    stay = {made[-1].number, *[each.number for each in made if each.verified][-1:]}
    sound = _rising(made)
    doubtful = [each for each in made if each.number not in sound]
    rising = [each for each in made if each.number in sound]
    for period, count in ((_day, rule.daily), (_week, rule.weekly), (_month, rule.monthly)):
        found = _last_of_each(rising, period)[-count:] if count else []
        stay.update(each.number for each in found)
        # Where the clock contradicts itself nobody knows which days those were: they stay as long as their neighbours.
        horizon = found[0].number if len(found) == count and found else 0
        near = [each for each in doubtful if count and each.number > horizon]
        stay.update(each.number for each in (near if period is _day else _last_of_each(near, period)))
    return frozenset(stay)


def expired(archives: Iterable[Made], rule: Rule) -> tuple[int, ...]:
    """Give the numbers of the archives that may go, the oldest first."""
    made = list(archives)
    stay = kept(made, rule)
    return tuple(sorted(each.number for each in made if each.number not in stay))


def needless(pieces: Iterable[tuple[str, int]], ledger_seqs: Collection[int]) -> tuple[str, ...]:
    """Give the pieces of shipped history that no archive needs any more; each is its name and its last event's seq.

    `ledger_seqs` are the last events of the ledgers in the archives that stay: what comes after the oldest of them is
    needed to go on from there, and without an archive everything is.
    """
    if not ledger_seqs:
        return ()
    oldest = min(ledger_seqs)
    return tuple(name for name, last in pieces if last <= oldest)


def _rising(made: Sequence[Made]) -> frozenset[int]:
    """Give the numbers of the most archives whose clocks never run backwards (longest non-decreasing subsequence).

    Patience sorting: `ends[k]` is where the best run of k + 1 ends; of two equal ones the later counts.
    """
    times: list[Millis] = []
    ends: list[int] = []
    before: list[int] = []
    for index, each in enumerate(made):
        place = bisect_right(times, each.at)
        before.append(ends[place - 1] if place else -1)
        times[place : place + 1] = [each.at]
        ends[place : place + 1] = [index]
    found: set[int] = set()
    index = ends[-1]
    while index >= 0:
        found.add(made[index].number)
        index = before[index]
    return frozenset(found)


def _last_of_each(made: Sequence[Made], period: Callable[[Millis], int]) -> list[Made]:
    """Give the newest archive of each period, oldest first."""
    last: dict[int, Made] = {}
    for each in made:
        last[period(each.at)] = each
    return sorted(last.values(), key=lambda each: each.number)


def _day(at: Millis) -> int:
    return at // DAY


def _week(at: Millis) -> int:
    return (at // DAY + _MONDAY) // 7


def _month(at: Millis) -> int:
    """Count the months since March of year 0 (Howard Hinnant, chrono-compatible low-level date algorithms)."""
    days = at // DAY + 719_468
    era, day_of_era = divmod(days, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    return (era * 400 + year_of_era) * 12 + (5 * day_of_year + 2) // 153
