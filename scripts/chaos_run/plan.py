"""What is done to the instances: faults and moments to be killed at, all out of one seed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("429", "418", "500", "500html", "502", "-1007", "reset", "timeout", "cut", "empty", "html", "missing", "delay")
ENDPOINTS = (
    "POST order",
    "POST order",
    "POST order",
    "DELETE order",
    "DELETE order",
    "GET order",
    "GET openOrders",
    "GET myTrades",
    "GET account",
    "GET klines",
    "GET *",
)
STREAMS = ("drop", "silent", "duplicate", "reorder", "lose", "late")
MOMENTS = ("start", "ready", "ready", "order", "order")
DEAF = 0.4
"""Share of lives without a stream of own orders, in which all must be asked for."""


@dataclass(frozen=True)
class Fault:
    """One order to the exchange's operator: a verb and what goes with it."""

    verb: str
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Kill:
    """One life of a process: what goes wrong meanwhile, and when it is killed.

    `moment` is "start" (counted from its birth), "ready" (from readiness) or "order" (from the next order that
    reaches the exchange); `after_s` in seconds of the wall.
    """

    faults: tuple[Fault, ...]
    moment: str
    after_s: float
    number: int = field(default=0)


def make_plan(seed: int, kills: int, key: str) -> list[Kill]:
    """Draw `kills` lives of the instance that trades with the API key of that name."""
    dice = random.Random(f"{seed}/{key}")  # noqa: S311 - repeatable, not secret
    return [_kill(dice, key, number) for number in range(kills)]


def _kill(dice: random.Random, key: str, number: int) -> Kill:
    faults = tuple(_fault(dice, key) for _ in range(dice.choice((0, 1, 1, 2, 3))))
    moment = dice.choice(MOMENTS)
    longest = {"start": 1.2, "ready": 1.5, "order": 0.15}[moment]
    if moment == "order" and dice.random() < 0.5:
        # The answer is held back, so that the kill comes between acceptance and answer.
        held = {"endpoint": "POST order", "kind": "delay", "when": "after", "seconds": 0.5, "key": key}
        faults = (Fault("faults", held), *faults)
    if dice.random() < DEAF:
        faults = (Fault("streams", {"kind": "refuse", "channel": "user", "count": 1000}), *faults)
    return Kill(faults, moment, dice.uniform(0, longest), number)


def _fault(dice: random.Random, key: str) -> Fault:
    drawn = dice.random()
    if drawn < 0.7:
        return _of_requests(dice, key)
    if drawn < 0.85:
        kind, channel = dice.choice(STREAMS), dice.choice(("user", "user", "market"))
        return Fault(
            "streams", {"kind": kind, "channel": channel, "count": dice.randint(1, 4), "seconds": dice.uniform(0.5, 4)}
        )
    if drawn < 0.93:
        return Fault("set", {"lag_s": dice.uniform(0.2, 2.5)})
    symbol = dice.choice(("BTCUSDT", "ETHUSDT"))
    factor = 1 + dice.uniform(-0.012, 0.012)
    return Fault("price", {"symbol": symbol, "factor": factor, "over_ms": dice.choice((0, 60_000))})


def _of_requests(dice: random.Random, key: str) -> Fault:
    return Fault(
        "faults",
        {
            "endpoint": dice.choice(ENDPOINTS),
            "kind": dice.choice(KINDS),
            "when": dice.choice(("before", "after", "after")),
            "count": dice.choice((1, 1, 1, 2, 4)),
            "skip": dice.choice((0, 0, 0, 1, 3)),
            "seconds": dice.uniform(0.1, 2.5),
            "retry_after": dice.choice((1, 2)),
            "key": key,
        },
    )
