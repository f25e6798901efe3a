"""`investbot strategies list | show | check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from investbot.cli.fleet import home_path
from investbot.cli.registry import RESEARCH, add, family
from investbot.cli.session import Session
from investbot.domain.errors import ConfigError, DataError

StrategyName = Annotated[
    str, typer.Argument(metavar="S", help="A name, package.module:Class, or a file of the home's profiles folder.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    strategies = family(app, "strategies", "Who has opinions: parameters, and proofs about each.", panel=RESEARCH)
    add(strategies, "list", "investbot strategies list")(list_strategies)
    add(strategies, "show", "investbot strategies show ma_cross")(show)
    add(
        strategies,
        "check",
        "investbot strategies check conservative_scalp",
        "investbot strategies check ma_cross --data candles.csv.gz --timeframe 5m",
    )(check)


def list_strategies(context: typer.Context) -> None:
    """Name every registered strategy."""
    from investbot.bootstrap.plugins import load_strategy, strategy_names

    session: Session = context.obj
    rows = []
    for name in strategy_names():
        try:
            description = load_strategy(name).description
        except ConfigError as error:
            description = str(error)
        rows.append({"name": name, "description": description})
    session.output.rows(rows, ["name", "description"])


def show(context: typer.Context, name: StrategyName) -> None:
    """Show what a strategy can be told: parameters, defaults, bounds."""
    from investbot.bootstrap.plugins import load_strategy, parameters

    session: Session = context.obj
    strategy = load_strategy(name, _folder(session))
    rows = [
        {
            "parameter": each.name,
            "kind": each.kind,
            "default": each.default,
            "least": each.least,
            "most": each.most,
            "choices": list(each.choices) or None,
            "help": each.help,
        }
        for each in parameters(strategy)
    ]
    if session.output.is_json:
        session.output.value({"name": strategy.name, "description": strategy.description, "parameters": rows})
        return
    session.output.say(f"{strategy.name}: {strategy.description}")
    session.output.rows(rows, ["parameter", "default", "least", "most", "choices", "help"], "It has no parameters.")


def check(
    context: typer.Context,
    name: StrategyName,
    data: Annotated[Path | None, typer.Option(metavar="FILE", help="Candles; unset: a made-up market.")] = None,
    timeframe: Annotated[str, typer.Option(metavar="TF", help="Length of the file's bars.")] = "1m",
    confirm_timeframe: Annotated[str | None, typer.Option(metavar="TF", help="A second, longer timeframe.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A parameter; may be given again.")
    ] = None,
) -> int:
    """Prove on candles that a strategy is deterministic, does not look ahead, and is quick enough."""
    from investbot.bootstrap.plugins import make_strategy
    from investbot.config.layers import from_assignments
    from investbot.domain.market import Timeframe
    from investbot.research.lookahead import check_strategy

    session: Session = context.obj
    frame = Timeframe.parse(timeframe)
    confirm = None if confirm_timeframe is None else Timeframe.parse(confirm_timeframe)
    parameters: dict[str, Any] = from_assignments(values or ()).data
    strategy = make_strategy(name, parameters, _folder(session))
    with session.output.working("Running it again and again …"):
        report = check_strategy(strategy, _candles(data, frame), confirm_timeframe=confirm)
    rows = [{"check": each.check, "passed": each.passed, "sentence": each.sentence} for each in report.findings]
    if session.output.is_json:
        session.output.value(
            {
                "strategy": report.strategy,
                "bars": report.bars,
                "longs": report.longs,
                "shorts": report.shorts,
                "mean_us": round(report.mean_us, 3),
                "passed": report.passed,
                "findings": rows,
            }
        )
    else:
        session.output.rows(rows, ["check", "passed", "sentence"])
    return 0 if report.passed else DataError.exit_code


def _folder(session: Session) -> Path:
    """Name the folder that a strategy's own file is relative to: the home's profiles, else where the command stands."""
    folder = home_path(session) / "profiles"
    return folder if folder.is_dir() else Path.cwd()


def _candles(data: Path | None, frame: Any) -> list[Any]:
    """Read the file, or make a market of 20,000 bars."""
    import asyncio

    from investbot.adapters.venues.candle_file import CandleFile
    from investbot.adapters.venues.synthetic import SyntheticVenue
    from investbot.domain.market import Candle

    symbol = "BTC/USDT"
    if data is not None:
        return [candle for block in CandleFile(data, symbol, frame).candles() for candle in block]

    async def made() -> list[Candle]:
        venue = SyntheticVenue(frame, seed=7, candles=20_000, speed=0)
        await venue.open([symbol])
        return [fact async for fact in venue.facts({}, None) if isinstance(fact, Candle)]

    return asyncio.run(made())
