"""The venue takes the entry, and later each target and the stop: nothing may be too small to sell."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from investbot.domain.rules import RiskRules
from investbot.domain.signal import OrderIntent
from investbot.risk.gate import Denial, RiskView
from investbot.risk.rules import rungs
from investbot.risk.words import plain


@dataclass(frozen=True, slots=True)
class MinNotionalLimit:
    """The venue takes the entry, and later each target and the stop: nothing may be too small to sell."""

    name: ClassVar[str] = "min_notional"

    def review(self, intent: OrderIntent, view: RiskView, rules: RiskRules) -> Denial | None:
        """Refuse when the entry, one rung of the ladder, or all of it at the stop is worth less than `min_notional`."""
        instrument = view.instrument
        shares = rungs(intent.quantity, tuple(part for _, part in intent.targets), instrument)
        worths: list[tuple[str, Decimal]] = [
            ("The entry", intent.notional),
            ("The position at its stop", intent.quantity * intent.stop),
        ]
        worths += [
            (f"Target {number}", share * target)
            for number, (share, (target, _)) in enumerate(zip(shares, intent.targets, strict=True), start=1)
        ]
        for what, worth in worths:
            if worth < instrument.min_notional or worth <= 0:
                return Denial(
                    self.name,
                    f"{what} would be worth {plain(worth)} {instrument.quote}; min_notional is "
                    f"{plain(instrument.min_notional)}.",
                    plain(worth),
                    plain(instrument.min_notional),
                )
        return None
