"""What an engine is told once, before its first fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from investbot.domain.market import Instrument, Timeframe
from investbot.domain.rules import CostRules, ExitRules, RiskRules
from investbot.engine.intelligence import NO_VETO, Veto


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """The fixed terms of one instance.

    `capital` in quote; `namespace` tells this instance's orders from all others of an account; the order of
    `instruments`
    is the order of the profile's symbols.
    """

    instruments: Mapping[str, Instrument]
    timeframe: Timeframe
    confirm_timeframe: Timeframe | None
    costs: CostRules
    risk: RiskRules
    exits: ExitRules
    capital: Decimal
    namespace: str
    targets_rest: bool = True
    """Whether targets rest on the venue beside the stop; where balances lock, the instance keeps them itself."""
    stops_rest: bool = True
    """Whether the venue keeps stops; the instance does where it cannot."""
    veto: Veto = NO_VETO
    """With which outlook of the world outside nothing is entered."""
    version: int = 1
    """Of the configuration that these terms are of."""
