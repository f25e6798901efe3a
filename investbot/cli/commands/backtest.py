"""`investbot backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from investbot.cli.fleet import profile_folders
from investbot.cli.recipes import (
    DEFAULT_CAPITAL,
    CapitalOption,
    Changes,
    DataOption,
    ProfileOption,
    SymbolOption,
    TimeframeOption,
    ValuesOption,
    money,
    resolve,
)
from investbot.cli.registry import RESEARCH, add
from investbot.cli.session import Session

_TRIPS = ("closed_at", "symbol", "quantity", "entry_price", "exit_price", "net_pnl", "r", "exit_reason", "gapped")


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = (
        "investbot backtest --profile conservative --data candles.csv.gz --timeframe 5m",
        "investbot backtest --profile conservative --data candles.csv.gz --timeframe 5m --report report --json",
    )
    add(app, "backtest", *examples, panel=RESEARCH)(backtest)


def backtest(
    context: typer.Context,
    profile: ProfileOption,
    data: DataOption = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write summary, trips, fills, events here.")
    ] = None,
    capital: CapitalOption = DEFAULT_CAPITAL,
    symbol: SymbolOption = None,
    timeframe: TimeframeOption = None,
    values: ValuesOption = None,
) -> None:
    """Run a profile over candle files through the engine that trades, with costs and pessimistic fills."""
    from investbot.bootstrap import research

    session: Session = context.obj
    money_ = money(capital)
    config = resolve(session, "backtest", profile, money_, Changes(symbol, timeframe, values))
    folder = profile_folders(session)[0]
    with session.output.working("Running through the candles …"):
        result = research.backtest(config, data or [], money_, folder if folder.is_dir() else None)
    written = research.write_report(result, report) if report is not None else []
    _tell(session, result)
    if written:
        session.output.say(f"Wrote {', '.join(path.name for path in written)} to {report}.")


def _tell(session: Session, result: dict[str, Any]) -> None:
    for warning in result["warnings"]:
        session.output.warn(warning)
    if session.output.is_json:
        session.output.value(result)
        return
    session.output.rows(result["trips"][-20:], _TRIPS, "No round trips.")
    if result["setups"]:
        session.output.rows(result["setups"], list(result["setups"][0]))
    head = {key: result[key] for key in ("strategy", "symbols", "timeframe", "from_at", "to_at")}
    session.output.record({**head, **result["summary"]}, title="")
