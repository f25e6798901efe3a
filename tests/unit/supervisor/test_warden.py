from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from investbot.control.messages import InstanceRequest
from investbot.domain.errors import ConfigError, TryAgain
from investbot.ports.notifier import Tone, Weight
from investbot.supervisor import fleet_limits as fl
from investbot.supervisor.fleet_limits import FleetLimits, breaches
from investbot.supervisor.warden import SETTLING, Warden, limit_notice, no_limits
from tests.fakes.news import NOON, Wall


def row(name: str, **more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "name": name,
        "state": "RUNNING",
        "mode": "paper",
        "symbols": ["BTC/USDT"],
        "capital": "100",
        "day_pnl": "0",
        "open_risk": "0",
        "exposure": {},
        "paused": {},
        "last_candle_at": None,
    }
    return usual | more


SENTENCE = (
    "Entries paused by a limit of the fleet: daily loss of 2026-01-02 (paper USDT) is 20 USDT, "
    "and 20 USDT is the limit."
)


class Floor:
    """A fleet whose instances do what they are asked, unless they are deaf."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = {each["name"]: each for each in rows}
        self.deaf: set[str] = set()
        self.asked: list[tuple[str, str, str | None]] = []
        self.told: list[tuple[str, tuple[str, ...], str]] = []
        self.limits = FleetLimits(daily_loss=Decimal("0.1"))
        self.broken = False
        self.looks = 0
        self.tools = SimpleNamespace(hub=self, outside=self)

    async def names(self) -> list[str]:
        return sorted(self.rows)

    async def status(self, names: Sequence[str]) -> list[dict[str, Any]]:
        self.looks += 1
        return [dict(self.rows[name]) for name in names]

    async def ask(self, name: str, request: InstanceRequest, timeout_s: float) -> None:
        if name in self.deaf:
            raise TryAgain(f"{name} is not on the line.")
        self.asked.append((name, request.action, request.cause))
        if request.action == "pause":
            self.rows[name]["paused"][request.cause] = f"paused by {request.by}"
        else:
            self.rows[name]["paused"].pop(request.cause)

    def recipe(self, name: str) -> Any:
        return SimpleNamespace(live=self.rows[name]["mode"] == "live")

    def read(self) -> FleetLimits:
        if self.broken:
            raise ConfigError("broken")
        return self.limits

    def tell(self, at: int, cause: str, names: Sequence[str], sentence: str) -> None:
        self.told.append((cause, tuple(names), sentence))

    def warden(self) -> Warden:
        return Warden(cast("Any", self), cast("Any", self), self.read, Wall(), self.tell, look_s=0.01)


async def test_a_loss_of_all_together_pauses_all_until_the_day_is_over() -> None:
    floor = Floor(row("a", day_pnl="-15"), row("b", day_pnl="-5"), row("c", state="STOPPED", capital="0"))
    warden = floor.warden()
    await warden.look()
    assert floor.asked == [("a", "pause", "fleet:daily_loss"), ("b", "pause", "fleet:daily_loss")]
    assert floor.told == [
        (
            "fleet:daily_loss",
            ("a", "b"),
            SENTENCE,
        )
    ]
    floor.rows["a"]["day_pnl"] = "50"
    await warden.look()
    await floor.warden().look()
    assert (len(floor.asked), len(floor.told)) == (2, 1), "also another supervisor asks and tells nothing new"
    next_day = Warden(cast("Any", floor), cast("Any", floor), floor.read, Wall(NOON + 86_400_000), floor.tell)
    await next_day.look()
    assert floor.asked[2:] == [("a", "resume", "fleet:daily_loss"), ("b", "resume", "fleet:daily_loss")]


async def test_the_end_of_a_breach_is_told() -> None:
    floor = Floor(row("a", open_risk="11"))
    floor.limits = FleetLimits(open_risk=Decimal("0.1"))
    warden = floor.warden()
    await warden.look()
    floor.rows["a"]["open_risk"] = "9.6"
    await warden.look()
    assert len(floor.asked) == 1, "it is over only once it is well over"
    floor.rows["a"]["open_risk"] = "9.5"
    await warden.look()
    assert floor.asked[1:] == [("a", "resume", "fleet:open_risk")]
    assert floor.told[1] == ("fleet:open_risk", ("a",), "No longer broken (paper USDT); entries go on.")
    assert floor.rows["a"]["paused"] == {}


async def test_exposure_to_one_base_pauses_those_that_trade_it() -> None:
    floor = Floor(
        row("a", exposure={"BTC": "25"}),
        row("b", exposure={"BTC": "6", "ETH": "1"}, symbols=["BTC/USDT", "ETH/USDT"]),
        row("c", symbols=["ETH/USDT"], exposure={"ETH": "2"}),
        row("d", mode="live", exposure={"BTC": "9"}),
        row("e", state="STOPPED", capital="0.01", exposure={"BTC": "1"}),
    )
    floor.limits = FleetLimits(base_exposure=Decimal("0.1"))
    await floor.warden().look()
    assert floor.asked == [("a", "pause", "fleet:exposure_BTC"), ("b", "pause", "fleet:exposure_BTC")]
    assert floor.told[0][1] == ("a", "b"), "one that stands is paused by nobody"


async def test_one_that_does_not_hear_is_asked_again() -> None:
    floor = Floor(row("a", day_pnl="-20"), row("b"))
    floor.deaf = {"a", "b"}
    warden = floor.warden()
    await warden.look()
    assert floor.told == []
    floor.deaf = set()
    watching = asyncio.create_task(warden.watch())
    while len(floor.asked) < 2:  # noqa: ASYNC110 - nothing here knows that anybody waits
        await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert len(floor.rows["a"]["paused"]) == len(floor.rows["b"]["paused"]) == 1


async def test_a_slip_in_the_file_lifts_nothing() -> None:
    floor = Floor(row("a", day_pnl="-20"))
    warden = floor.warden()
    await warden.look()
    floor.broken = True
    await warden.look()
    assert floor.rows["a"]["paused"]
    floor.broken, floor.limits = False, no_limits()
    await warden.look()
    assert floor.rows["a"]["paused"] == {}


async def test_without_limits_nobody_is_looked_at() -> None:
    floor = Floor(row("a", paused={"fleet:open_risk": "old", "operator": "x"}))
    floor.limits = no_limits()
    warden = floor.warden()
    await warden.look()
    assert floor.rows["a"]["paused"] == {"operator": "x"}, "what an earlier supervisor asked for is taken back"
    for _ in range(SETTLING + 3):
        await warden.look()
    assert floor.looks == SETTLING


async def test_an_instance_that_dials_late_is_let_go_too() -> None:
    floor = Floor(row("a"), row("b", paused={"fleet:open_risk": "old"}))
    late = floor.rows.pop("b")
    floor.limits = no_limits()
    warden = floor.warden()
    await warden.look()
    floor.rows["b"] = late
    await warden.look()
    assert floor.rows["b"]["paused"] == {}


async def test_one_that_has_not_been_heard_of_is_waited_for() -> None:
    floor = Floor(row("a", pid=7, heartbeat_age_s=None))
    floor.limits = no_limits()
    warden = floor.warden()
    for _ in range(SETTLING + 3):
        await warden.look()
    assert floor.looks == SETTLING + 3


async def test_a_pause_that_could_not_be_lifted_is_tried_again_without_limits_too() -> None:
    floor = Floor(row("a", paused={"fleet:open_risk": "old"}))
    floor.limits, floor.deaf = no_limits(), {"a"}
    warden = floor.warden()
    await warden.look()
    assert floor.rows["a"]["paused"]
    floor.deaf = set()
    await warden.look()
    assert floor.rows["a"]["paused"] == {}


async def test_no_more_run_than_may() -> None:
    floor = Floor(row("a", mode="live"), row("b"), row("c", mode="live"))
    warden = floor.warden()
    await warden.admit("c", ["a", "b"], is_live=True)
    floor.limits = FleetLimits(running=2, live=1)
    await warden.admit("b", ["a"], is_live=False)
    with pytest.raises(ConfigError, match=r"max_running in investbot\.toml is 2"):
        await warden.admit("c", ["a", "b"], is_live=False)
    floor.limits = FleetLimits(live=1)
    await warden.admit("c", ["b"], is_live=True)
    with pytest.raises(ConfigError, match="1 instances trade real money"):
        await warden.admit("c", ["a", "b"], is_live=True)


def test_one_that_stands_counts_for_today_only() -> None:
    limits = FleetLimits(daily_loss=Decimal("0.1"))
    old = row("b", state="STOPPED", day_pnl="-90", last_candle_at="2026-01-01T23:59:00Z")
    assert breaches([row("a"), old], limits, NOON) == []
    (breach,) = breaches([row("a"), old | {"last_candle_at": "2026-01-02T00:01:00Z"}], limits, NOON)
    assert breach.names == ("a",)
    assert breaches([old | {"last_candle_at": "2026-01-02T00:01:00Z"}], limits, NOON) == [], "nobody runs"


def test_rows_that_say_little_are_survived() -> None:
    limits = FleetLimits(open_risk=Decimal("0.1"), daily_loss=Decimal("0.1"), base_exposure=Decimal("0.1"))
    assert breaches([{"name": "x", "error": "no ledger"}], limits, NOON) == []
    bare = {"name": "a", "state": "STOPPED", "mode": "paper", "symbols": ["BTC/USDT"], "capital": "1", "day_pnl": None}
    assert breaches([bare], limits, NOON) == []
    assert fl.wishes([bare], []) == []


def test_a_limit_is_put_into_words() -> None:
    broken = limit_notice(NOON, "fleet:daily_loss", ["a", "b"], "Entries paused by a limit of the fleet: x.")
    assert (broken.title, broken.weight) == ("Limit of the fleet broken: daily loss", Weight.GRAVE)
    assert broken.fields == (("Instances", "a, b"),)
    over = limit_notice(NOON, "fleet:exposure_BTC", ["a"], "No longer broken (paper USDT); entries go on.")
    assert (over.title, over.tone) == ("Limit of the fleet over: exposure BTC", Tone.GOOD)
