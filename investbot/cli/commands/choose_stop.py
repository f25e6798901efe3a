"""`investbot choose-stop`."""

from __future__ import annotations

from typing import Any

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

_STOPS = (
    "stop",
    "value",
    "chosen",
    "trips",
    "expectancy",
    "worst",
    "net_pnl",
    "outside_band",
    "after_trips",
    "after_expectancy",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = ("investbot choose-stop --profile conservative --data candles.csv.gz --timeframe 5m",)
    add(app, "choose-stop", *examples, panel=RESEARCH)(choose_stop)


def choose_stop(
    context: typer.Context,
    profile: ProfileOption,
    data: DataOption = None,
    capital: CapitalOption = DEFAULT_CAPITAL,
    symbol: SymbolOption = None,
    timeframe: TimeframeOption = None,
    values: ValuesOption = None,
) -> None:
    """Compare stops from structure, ATR and fixed ones on a profile's history, and name the best net of costs."""
    from investbot.bootstrap.stop_choice import compare_stops

    session: Session = context.obj
    money_ = money(capital)
    config = resolve(session, "stops", profile, money_, Changes(symbol, timeframe, values))
    folder = profile_folders(session)[0]
    with session.output.working("Running every stop through the candles …"):
        result = compare_stops(config, data or [], money_, folder if folder.is_dir() else None)
    _tell(session, result)


def _tell(session: Session, result: dict[str, Any]) -> None:
    if session.output.is_json:
        session.output.value(result)
        return
    session.output.rows(result["stops"], _STOPS, "")
    if not result["chosen"]:
        session.output.say("No stop has enough round trips to be chosen; give it a longer history.")
        return
    session.output.say(f"Best on candles until {result['learnt_until_at']}: {' '.join(result['chosen'])}")
