"""From the loop to the ledger, and only then to whoever watches: what is not durable has not happened."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from investbot.control.rows import event_row
from investbot.domain import events as e
from investbot.domain.market import Candle, Cursor
from investbot.ports.ledger import Ledger

_LOG = logging.getLogger("investbot.instance")
_GRAVE = (
    e.CandleFlagged,
    e.TradingStateChanged,
    e.EntriesPaused,
    e.RequestRefused,
    e.DustLeft,
)
_SHOWN = ("symbol", "direction", "confidence", "limit", "reason", "order_id", "plan_id", "side", "price", "quantity")


class Journal:
    """Collects the events of one or more facts and makes them durable together, with the candle they reach up to."""

    def __init__(self, ledger: Ledger, publish: Callable[[dict[str, Any]], None], group: int) -> None:
        self._ledger = ledger
        self._tell = publish
        self._group = group
        self._pending: list[e.Event] = []
        self._candle: Candle | None = None
        self._known: Cursor | None = ledger.cursor()

    @property
    def is_full(self) -> bool:
        """Whether as much waits as should go into one transaction."""
        return len(self._pending) >= self._group

    def reach(self, candle: Candle) -> None:
        """Note the last candle that was worked on."""
        self._candle = candle

    def add(self, events: Sequence[e.Event]) -> None:
        """Keep events until `commit`."""
        self._pending += events

    def commit(self) -> list[tuple[int, e.Event]]:
        """Make what waits durable, then publish it; return it with each seq. LedgerError when it cannot be written."""
        if not self._pending:
            return []
        self._advance()
        events, self._pending = self._pending, []
        last = self._ledger.append(events, self._known)
        numbered = list(enumerate(events, last - len(events) + 1))
        for seq, event in numbered:
            self._publish(seq, event)
        return numbered

    def checkpoint(self) -> None:
        """Note how far the candles have come although nothing came of them: a restart need not wait for them again."""
        if not self._pending and self._advance():
            self._ledger.append((), self._known)

    def _advance(self) -> bool:
        """Move the cursor to the last candle; tell whether it moved."""
        if self._candle is None:
            return False
        before, self._known = self._known, Cursor(self._candle.symbol, self._candle.opened_at)
        return self._known != before

    def _publish(self, seq: int, event: e.Event) -> None:
        row = event_row(seq, event)
        self._tell(row)
        level = logging.WARNING if isinstance(event, _GRAVE) else logging.INFO
        if _LOG.isEnabledFor(level):
            _LOG.log(level, _name(row["kind"]), extra={"fields": _shown(row)})


@cache
def _name(kind: str) -> str:
    """Spell a kind of event as log lines do: `OrderFilled` is order_filled there."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Pick what a log line needs of an event."""
    inner: dict[str, Any] = next((row[name] for name in ("order", "trip", "plan") if name in row), {})
    found = {name: row.get(name, inner.get(name)) for name in _SHOWN}
    return {"seq": row["seq"], "fact_at": row["at"]} | {k: v for k, v in found.items() if v is not None}
