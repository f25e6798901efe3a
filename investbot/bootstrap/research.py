"""Builds a backtest from a profile and candle files, and puts its results into files and rows."""

from __future__ import annotations

import csv
import heapq
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

from investbot.adapters.venues.candle_file import CandleFile
from investbot.adapters.venues.fact_file import read_facts
from investbot.adapters.venues.instruments import SMALLEST_LOT, InstrumentRules
from investbot.bootstrap.assembly import engine_spec
from investbot.bootstrap.plugins import make_strategy
from investbot.config.profile import Profile
from investbot.config.versions import recipe_digest
from investbot.control.rows import event_row, told
from investbot.domain.errors import DataError, UsageError
from investbot.domain.market import Candle
from investbot.research import results
from investbot.research.backtest import Backtest, run

NAMESPACE = "backtest"


def backtest(profile: Profile, data: Sequence[Path], capital: Decimal, folder: Path | None = None) -> dict[str, Any]:
    """Run `profile` over candle files and tell the results as one object (see docs/commands.md).

    `data` names one file a symbol in the profile's order, empty for the profile's own replay files; `capital` in quote.
    `folder` is where a strategy of one's own is looked for. ConfigError, DataError, UsageError.
    """
    files = candle_files(profile, data)
    result = run_profile(profile, files, capital, folder)
    first = min(file.first_opened_at for file in files)
    head = {
        "strategy": profile.strategy.name,
        "symbols": list(profile.market.symbols),
        "timeframe": profile.market.timeframe.text,
        "from_at": first,
        "to_at": result.engine.state.last_candle_at,
        "config_sha256": recipe_digest(profile),
        "warnings": [warning for file in files for warning in file.warnings],
    }
    return {
        **told(head),
        "summary": results.summary(result),
        "setups": results.setup_rows(result),
        "trips": [told(row) for row in results.trip_rows(result)],
        "fills": [told(row) for row in results.fill_rows(result)],
        "events": [event_row(seq, event) for seq, event in enumerate(result.events, start=1)],
    }


def run_profile(
    profile: Profile,
    files: Sequence[CandleFile],
    capital: Decimal,
    folder: Path | None = None,
    namespace: str = NAMESPACE,
) -> Backtest:
    """Check the files, then run the profile's strategy over them to the end."""
    strategy = make_strategy(profile.strategy.name, profile.strategy.parameters, folder, profile.strategy.regimes)
    instruments = {symbol: file.check() for symbol, file in zip(profile.market.symbols, files, strict=True)}
    spec = engine_spec(profile, instruments, capital, namespace)
    replay = profile.venue.replay
    told = read_facts(Path(replay.facts)) if replay.facts else ()
    return run(spec, strategy, merged(files), close_at_end=replay.close_at_end, told=told)


def merged(files: Sequence[CandleFile]) -> Iterator[Candle]:
    """Walk the candles of all files by closing time, then in the order of the files."""
    streams = [chain.from_iterable(file.candles()) for file in files]
    if len(streams) == 1:
        return iter(streams[0])
    return heapq.merge(*streams, key=lambda candle: candle.opened_at)


def write_report(told_results: dict[str, Any], folder: Path) -> list[Path]:
    """Write summary.json, trips.csv, fills.csv and events.jsonl into `folder`; give their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    head = {name: value for name, value in told_results.items() if name not in ("trips", "fills", "events")}
    written = [folder / name for name in ("summary.json", "trips.csv", "fills.csv", "events.jsonl")]
    written[0].write_text(json.dumps(head, indent=2) + "\n", encoding="utf-8")
    for path, rows in ((written[1], told_results["trips"]), (written[2], told_results["fills"])):
        with path.open("w", newline="", encoding="utf-8") as out:
            writer = csv.DictWriter(out, list(rows[0]) if rows else ["at"])
            writer.writeheader()
            writer.writerows(rows)
    lines = (json.dumps(event) + "\n" for event in told_results["events"])
    written[3].write_text("".join(lines), encoding="utf-8")
    return written


def candle_files(profile: Profile, data: Sequence[Path]) -> list[CandleFile]:
    """Open one file a symbol, those of the profile's replay where none is given; DataError, UsageError."""
    symbols = profile.market.symbols
    if not data:
        replay = profile.venue.replay
        named = dict(replay.files) or ({symbols[0]: replay.file} if replay.file else {})
        missing = [symbol for symbol in symbols if symbol not in named]
        if missing:
            raise UsageError(f"There is no candle file for {missing[0]}; give one with --data FILE.")
        data = [Path(named[symbol]) for symbol in symbols]
    if len(data) != len(symbols):
        raise UsageError(f"The profile trades {len(symbols)} symbols; give --data once for each, in their order.")
    part = profile.venue.instrument
    rules = InstrumentRules(part.tick, part.lot or SMALLEST_LOT, part.min_notional or Decimal(0))
    for path in data:
        if not path.is_file():
            raise DataError(f"There is no candle file {path}.")
    return [
        CandleFile(path, symbol, profile.market.timeframe, rules) for path, symbol in zip(data, symbols, strict=True)
    ]
