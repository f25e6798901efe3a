"""The figures of a run: what ledgers and exchange agree on, and what was off."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from investbot.bootstrap.assembly import engine_spec
from investbot.domain.events import Event
from investbot.domain.market import Instrument
from scripts.chaos_run.fleet import Fleet
from scripts.chaos_run.protection import Gap
from scripts.chaos_run.truth import OPEN, Book, compared
from tests.audit import Auditor

RECONCILE_S = 180.0
"""One reconcile interval of an instance, seconds of the wall."""
INSTRUMENTS = {
    "BTC/USDT": Instrument("BTC/USDT", Decimal("0.01"), Decimal("0.00001"), Decimal(5)),
    "ETH/USDT": Instrument("ETH/USDT", Decimal("0.01"), Decimal("0.0001"), Decimal(5)),
}


@dataclass(frozen=True)
class Figure:
    """One line of the verdict; `details` say in words what is behind the number."""

    figure: str
    value: float
    unit: str
    goal: float | None = None
    better: str = "lower"
    details: Sequence[str] = field(default=())

    @property
    def met(self) -> bool:
        """Tell whether the goal is reached; a figure without one always is."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal

    def row(self, command: str) -> dict[str, Any]:
        """Tell it as programs read it."""
        told = asdict(self) | {"value": float(f"{self.value:.6g}")}
        details = list(told.pop("details"))
        return {"bench": "chaos", **told, "met": self.met, "details": details[:20], "command": command}

    def line(self) -> str:
        """Tell it as a person reads it."""
        goal = "" if self.goal is None else f"  goal {'≤' if self.better == 'lower' else '≥'} {self.goal:g}"
        verdict = "" if self.goal is None else ("  met" if self.met else "  NOT MET")
        told = "".join(f"\n      {detail}" for detail in self.details[:20])
        return f"{self.figure:38} {self.value:>12,.6g} {self.unit}{goal}{verdict}{told}"


def judged(
    fleet: Fleet,
    truth_of: Callable[[Sequence[Book]], Mapping[str, Any]],
    keys: Mapping[str, str],
    bare_of: Callable[[Sequence[Book], Mapping[str, Any]], Sequence[Gap]],
    instruments: Mapping[str, Instrument] = INSTRUMENTS,
) -> list[Figure]:
    """Hold the ledgers of all instances (name: API key's name) against the truth.

    `bare_of` finds the times without protection, longest first.
    """
    events = {name: fleet.events(name) for name in keys}
    books = [Book.of(name, events[name]) for name in keys]
    truth = truth_of(books)
    ours = [row for row in truth["orders"] if row["by"] in keys.values()]
    bare = bare_of(books, truth)
    left = [f"{book.name} holds {held} {symbol}" for book in books for symbol, held in sellable(book, instruments)]
    left += [f"{row['clientOrderId']} is {row['status']}" for row in ours if row["status"] in OPEN]
    left += [f"{book.name} does not know what became of {client}" for book in books for client in book.unknown]
    broken = [sentence for name in keys for sentence in audited(fleet, name, events[name], instruments)]
    longest = bare[0].seconds if bare else 0.0
    told = [f"plan {gap.plan_id} of {gap.name}: {gap.quantity} for {gap.seconds:.2f} s" for gap in bare[:3]]
    return [
        Figure("orders at the exchange", len(ours), "orders"),
        Figure("fills at the exchange", sum(len(book.fills) for book in books), "fills"),
        Figure("entries filled", sum(_entered(book) for book in books), "positions"),
        *(
            Figure(figure, len(faults), "faults", 0, "lower", faults)
            for figure, faults in compared(books, truth, keys).items()
        ),
        Figure("left after flatten", len(left), "faults", 0, "lower", left),
        Figure("limits exceeded", len(broken), "faults", 0, "lower", broken),
        Figure("longest time without protection", longest, "s", RECONCILE_S, "lower", told),
    ]


def sellable(book: Book, instruments: Mapping[str, Instrument] = INSTRUMENTS) -> list[tuple[str, Decimal]]:
    """Tell what is still held of each symbol, other than the dust of positions that are over."""
    state: dict[str, Decimal] = {}
    for symbol, held in book.held.items():
        plans = len({order.plan_id for order in book.orders.values() if order.symbol == symbol})
        if held >= instruments[symbol].lot * max(1, plans):
            state[symbol] = held
    return list(state.items())


def audited(
    fleet: Fleet, name: str, events: Sequence[Event], instruments: Mapping[str, Instrument] = INSTRUMENTS
) -> list[str]:
    """Let an auditor who knows only events and rules look for broken promises; say the first it finds."""
    config = fleet.config(name)
    spec = engine_spec(config, instruments, config.capital, name)
    try:
        Auditor(spec).walk(events)
    except AssertionError as error:
        return [f"{name}: {error}"]
    return []


def _entered(book: Book) -> int:
    return len({fill.plan_id for fill in book.fills.values()})
