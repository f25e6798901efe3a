"""What an operator may say of an instrument whose venue cannot be asked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from investbot.domain.market import Instrument

SMALLEST_LOT = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class InstrumentRules:
    """Tick (quote per base; None = found in the prices), lot (base) and smallest notional (quote)."""

    tick: Decimal | None = None
    lot: Decimal = SMALLEST_LOT
    min_notional: Decimal = Decimal(0)

    def instrument(self, symbol: str, found_tick: Decimal) -> Instrument:
        """Make the instrument, with `found_tick` where the operator said none; DataError for a step below zero."""
        return Instrument(symbol, found_tick if self.tick is None else self.tick, self.lot, self.min_notional)
