"""Compares the stops a profile could have on its own history, and tells the result as rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.bootstrap.assembly import engine_spec
from investbot.bootstrap.plugins import make_strategy
from investbot.bootstrap.research import candle_files, merged
from investbot.config.profile import Profile
from investbot.control.rows import told
from investbot.domain.codec import encode
from investbot.research.stops import StopResult, choose_stop

NAMESPACE = "stops"


def compare_stops(
    profile: Profile, data: Sequence[Path], capital: Decimal, folder: Path | None = None
) -> dict[str, Any]:
    """Run every stop over the candle files; see docs/commands.md for the shape. ConfigError, DataError, UsageError."""
    strategy = make_strategy(profile.strategy.name, profile.strategy.parameters, folder, profile.strategy.regimes)
    files = candle_files(profile, data)
    instruments = {symbol: file.check() for symbol, file in zip(profile.market.symbols, files, strict=True)}
    candles = list(merged(files))
    spec = engine_spec(profile, instruments, capital, NAMESPACE)
    choice = choose_stop(spec, strategy, candles)
    return {
        **told({"strategy": profile.strategy.name, "learnt_until_at": choice.learnt_until}),
        "chosen": list(choice.best.settings(spec.exits)) if choice.best else [],
        "stops": [_row(result, chosen=result.rule == choice.best) for result in choice.results],
    }


def _row(result: StopResult, *, chosen: bool) -> dict[str, Any]:
    learnt, after = result.learnt, result.after
    return {
        "stop": result.rule.kind,
        "value": encode(result.rule.value),
        "chosen": chosen,
        "trips": learnt.trips,
        "expectancy": encode(learnt.expectancy),
        "worst": encode(learnt.worst),
        "net_pnl": encode(learnt.net_pnl),
        "outside_band": learnt.denied_by_band,
        "after_trips": after.trips,
        "after_expectancy": encode(after.expectancy),
        "after_net_pnl": encode(after.net_pnl),
    }
