"""What an instance minds of the machine: who watches it, the disk, its own memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from investbot.domain.errors import InvariantError
from investbot.domain.facts import DiskFreed, DiskFull, SupervisorFound, SupervisorLost
from investbot.domain.order import OrderState, Role
from investbot.instance import host
from investbot.instance.host import MIB, HostRules, HostWatch, covered


class Usage(NamedTuple):
    """As shutil tells it, in bytes."""

    total: int
    used: int
    free: int


Told = list[Any]
LOST: Mapping[str, str] = {"supervisor": "nobody"}
FULL: Mapping[str, str] = {"disk": "full"}


def watch(rules: HostRules, memory: Any = None) -> HostWatch:
    return HostWatch(rules, 100.0, memory or (lambda: 0.0))


def told(watching: HostWatch, now: float, unheard_s: float | None, paused: Mapping[str, str] | None = None) -> Told:
    return [fact_at(7) for fact_at in watching.facts(now, unheard_s, paused or {})]


@pytest.mark.parametrize(
    ("now", "unheard_s", "paused", "facts"),
    [
        (159.9, None, {}, []),
        (160.0, None, {}, [SupervisorLost(7)]),
        (500.0, 59.9, {}, []),
        (500.0, 60.0, {}, [SupervisorLost(7)]),
        (500.0, 60.0, LOST, []),
        (101.0, None, LOST, []),
        (500.0, 15.0, LOST, []),
        (500.0, 14.9, LOST, [SupervisorFound(7)]),
        (500.0, 14.9, {"operator": "me"}, []),
    ],
)
def test_a_supervisor_is_lost_after_its_time_and_found_when_it_speaks(
    now: float, unheard_s: float | None, paused: Mapping[str, str], facts: list[Any]
) -> None:
    assert told(watch(HostRules(orphan_after_s=60.0)), now, unheard_s, paused) == facts


def test_a_short_time_is_kept_too() -> None:
    assert told(watch(HostRules(orphan_after_s=2.0)), 500.0, 1.9, LOST) == [SupervisorFound(7)]
    assert told(watch(HostRules(orphan_after_s=2.0)), 500.0, 2.0, LOST) == []


def test_whom_nobody_has_to_watch_is_never_lost_and_goes_on() -> None:
    assert told(watch(HostRules()), 1e9, None) == []
    assert told(watch(HostRules()), 101.0, None, LOST) == [SupervisorFound(7)]


@pytest.mark.parametrize(
    ("total", "free", "paused", "kinds"),
    [
        (1000, 32, {}, []),
        (1000, 31, {}, [DiskFull]),
        (1000, 63, FULL, []),
        (1000, 64, FULL, [DiskFreed]),
        (80, 10, {}, []),
        (80, 9, {}, [DiskFull]),
    ],
)
def test_a_disk_that_fills_up_is_told_and_so_is_room(
    monkeypatch: pytest.MonkeyPatch, total: int, free: int, paused: Mapping[str, str], kinds: list[type]
) -> None:
    monkeypatch.setattr("investbot.instance.host.shutil.disk_usage", lambda _: Usage(total * MIB, 0, free * MIB))
    facts = told(watch(HostRules(disk=Path("/"))), 100.0, None, paused)
    assert [type(fact) for fact in facts] == kinds
    assert all(f"only {free} MiB are free" in fact.reason for fact in facts if isinstance(fact, DiskFull))


def test_the_disk_is_looked_at_every_few_seconds_and_one_that_is_gone_is_no_fact(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    looks: list[Path] = []

    def usage(path: Path) -> Usage:
        looks.append(path)
        if not path.exists():
            raise FileNotFoundError(2, "gone")
        return Usage(1000 * MIB, 0, MIB)

    monkeypatch.setattr("investbot.instance.host.shutil.disk_usage", usage)
    watching = watch(HostRules(disk=tmp_path))
    assert [len(told(watching, now, None)) for now in (100.0, 104.9, 105.0)] == [1, 0, 1]
    assert len(looks) == 2
    assert told(watch(HostRules(disk=tmp_path / "gone")), 100.0, None) == []
    assert told(watch(HostRules()), 100.0, None) == []


def test_a_lock_that_is_somebody_elses_ends_it() -> None:
    held = [True]
    watching = watch(HostRules(holds=lambda: held[0]))
    assert told(watching, 100.0, None) == []
    held[0] = False
    assert told(watching, 104.9, None) == []
    with pytest.raises(InvariantError, match="lock file was removed"):
        told(watching, 105.0, None)


def look(watching: HostWatch, now: float) -> str | None:
    told(watching, now, None)
    return watching.over_budget(now)


def test_too_much_memory_is_given_back_first_and_then_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    real = host._give_back

    def give_back() -> None:
        given.append(1)
        real()

    monkeypatch.setattr(host, "_give_back", give_back)
    taken = [100.0]
    watching = watch(HostRules(memory_mb=100), lambda: taken[0])
    assert (look(watching, 1000.0), given) == (None, [1])  # what only the start took
    given.clear()
    taken[0] = 100.1
    assert (look(watching, 1005.0), given) == (None, [1])
    assert watching.over_budget(1006.0) is None
    sentence = look(watching, 1010.0)
    assert sentence == "It took 100 MiB, more than the 100 of restart.memory_mb, and is started anew."
    taken[0] = 50.0
    assert look(watching, 1015.0) is None
    taken[0] = 200.0
    assert (look(watching, 1020.0), given) == (None, [1, 1])


def test_a_young_process_is_not_ended_for_its_memory() -> None:
    watching = watch(HostRules(memory_mb=100), lambda: 500.0)
    assert [look(watching, now) is None for now in (105.0, 110.0, 699.9, 705.0)] == [True, True, True, False]


@pytest.mark.parametrize("memory", [lambda: None, lambda: 99.0])
def test_no_figure_and_no_bound_end_nobody(memory: Any) -> None:
    assert [look(watch(HostRules(memory_mb=100), memory), now) for now in (1000.0, 1010.0, 1020.0)] == [None] * 3
    unbound = watch(HostRules(), lambda: 1e9)
    assert [look(unbound, now) for now in (1000.0, 1010.0)] == [None, None]


@pytest.mark.parametrize(
    ("role", "state", "plan", "quantity", "is_covered"),
    [
        (Role.STOP, OrderState.ACKNOWLEDGED, "1", 5, True),
        (Role.STOP, OrderState.PARTLY_FILLED, "1", 5, True),
        (Role.STOP, OrderState.SENT, "1", 5, False),
        (Role.TARGET, OrderState.ACKNOWLEDGED, "1", 5, False),
        (Role.STOP, OrderState.ACKNOWLEDGED, "2", 5, False),
        (Role.TARGET, OrderState.ACKNOWLEDGED, "1", 0, True),
    ],
)
def test_a_position_is_covered_by_a_stop_that_rests(
    role: Role, state: OrderState, plan: str, quantity: int, *, is_covered: bool
) -> None:
    order = SimpleNamespace(order=SimpleNamespace(role=role, plan_id=plan), state=state)
    known: Any = SimpleNamespace(orders={"x": order}, holdings={"1": SimpleNamespace(quantity=quantity)})
    assert covered(known) is is_covered
