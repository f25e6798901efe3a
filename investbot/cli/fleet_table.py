"""The fleet as one table: what `investbot status` shows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from investbot.cli.output import Output

COLUMNS = (
    "name",
    "state",
    "mode",
    "symbols",
    "timeframe",
    "equity",
    "day_pnl",
    "total_pnl",
    "open_positions",
    "win_rate",
    "profit_factor",
    "drawdown",
    "trading_state",
    "last_candle_at",
    "error",
)
LESS = (
    "profit_factor",
    "timeframe",
    "win_rate",
    "drawdown",
    "last_candle_at",
    "mode",
    "trading_state",
    "symbols",
    "open_positions",
    "day_pnl",
)
"""What a narrow terminal does without, the first one first."""
NONE = "No instances yet; make one with `investbot create NAME --profile P`."
MONEY = ("equity", "day_pnl", "total_pnl")
"""The columns whose values are money, as text."""


def show_fleet(output: Output, rows: Sequence[dict[str, Any]]) -> None:
    """Print status rows, and a warning for notices that do not get out."""
    output.rows(rows if output.is_json else map(short, rows), COLUMNS, NONE, LESS)
    for why in sorted({row["notices"]["error"] for row in rows if (row.get("notices") or {}).get("error")}):
        output.warn(f"notices do not get out: {why} See `investbot notify list`.")


def short(row: dict[str, Any]) -> dict[str, Any]:
    """Round money to hundredths for a human."""
    return {**row, **{key: format(Decimal(row[key]), "z.2f") for key in MONEY if row.get(key) is not None}}
