"""`investbot analyze`: what the analysers see on a chart, and why."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from investbot.cli.fleet import open_home
from investbot.cli.registry import RESEARCH, add
from investbot.cli.session import Session
from investbot.domain.errors import DataError, UsageError
from investbot.domain.market import Timeframe

if TYPE_CHECKING:
    from investbot.research.chart import Chart


class Reading(StrEnum):
    """What can be read."""

    BIAS = "bias"
    LEVELS = "levels"
    SETUP = "setup"
    FLOW = "flow"
    CONFLUENCE = "confluence"
    WYCKOFF = "wyckoff"
    ELLIOTT = "elliott"
    REGIME = "regime"
    PATTERNS = "patterns"


_RANKED = ("symbol", "timeframe", "bias", "score", "stop", "target", "reward_risk", "at")


def register(app: typer.Typer) -> None:
    """Add the command."""
    examples = (
        "investbot analyze bias BTC/USDT --data candles.csv.gz --timeframe 5m",
        "investbot analyze confluence BTC/USDT --data candles.csv.gz --timeframe 5m --json",
    )
    add(app, "analyze", *examples, panel=RESEARCH)(analyze)


def analyze(
    context: typer.Context,
    what: Annotated[Reading, typer.Argument(help="What to read.", show_default=False)],
    symbol: Annotated[
        str | None, typer.Argument(metavar="[SYMBOL]", help="Left out: every pair of the home.", show_default=False)
    ] = None,
    timeframe: Annotated[str, typer.Option(metavar="TF", help="Length of a bar.")] = "5m",
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Candles; unset: the market cache of the home.")
    ] = None,
    last: Annotated[int, typer.Option(min=300, max=100_000, metavar="N", help="How many candles are read.")] = 5000,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it too (needs the charts extra).", show_default=False)
    ] = None,
) -> None:
    """Read a chart at its last candle: bias, levels, set-ups, order flow, confluence, Wyckoff, Elliott, and more."""
    from investbot.bootstrap import reading_charts
    from investbot.research.chart import told

    session: Session = context.obj
    charts = _charts(session, symbol, Timeframe.parse(timeframe), data, last)
    if png is not None and len(charts) > 1:
        raise UsageError("A picture shows one symbol; name it.")
    if what is Reading.SETUP and symbol is None and data is None:
        session.output.rows(reading_charts.ranked(charts), _RANKED)
    else:
        for each in charts:
            _tell(session, told(what.value, each))
    if png is not None:
        reading_charts.picture(what.value, charts[0], png)
        session.output.say(f"Drew {png}.")


def _charts(session: Session, symbol: str | None, timeframe: Timeframe, data: Path | None, last: int) -> list[Chart]:
    from investbot.bootstrap import reading_charts

    if data is not None:
        return [reading_charts.from_file(data, symbol or data.name.split(".")[0], timeframe, last)]
    home = open_home(session)
    found = dict(reading_charts.kept(home.market, timeframe))
    if symbol is not None and symbol not in found:
        message = f"The market cache holds no {timeframe.text} candles of {symbol}; give a file with --data FILE."
        raise DataError(message)
    wanted = [symbol] if symbol is not None else list(found)
    if not wanted:
        raise DataError(f"The market cache holds no {timeframe.text} candles yet; give a file with --data FILE.")
    return [reading_charts.from_cache(found[name], last) for name in wanted]


def _tell(session: Session, reading: dict[str, Any]) -> None:
    if session.output.is_json:
        session.output.value(reading)
        return
    head = {key: value for key, value in reading.items() if not isinstance(value, list | dict)}
    session.output.record(head)
    rows = reading["rows"]
    if rows:
        session.output.rows(rows, list(rows[0]))
