"""When a changed key takes effect: at once in a process that runs, or at its next start.

Declared for every key of a profile. At once is what a restart would change in the rules of the engine or of the
supervisor and in nothing else; whatever the past was read with (market, strategy, the venue itself) needs the start
that reads it again.
"""

from __future__ import annotations

from enum import StrEnum

from investbot.config.instance import InstanceConfig
from investbot.config.versions import Change, diff


class When(StrEnum):
    """When a change takes effect."""

    NOW = "now"
    START = "start"
    NOW_IF_SET = "now, unless it was unset when the process started"
    """For a key whose indicator is followed from the first candle on, or not at all."""


KEYS: dict[str, When] = {
    "description": When.NOW,
    "tags": When.START,
    # [venue], [market], [strategy]: who is asked, for what, and what was read of the past with it
    **dict.fromkeys(("venue.name", "venue.mode", "venue.ccxt"), When.START),
    **dict.fromkeys((f"venue.replay.{key}" for key in ("file", "files", "facts", "speed", "close_at_end")), When.START),
    **dict.fromkeys(
        (
            f"venue.synthetic.{key}"
            for key in ("seed", "start", "price", "speed", "candles", "volatility", "close_at_end")
        ),
        When.START,
    ),
    **dict.fromkeys((f"venue.instrument.{key}" for key in ("tick", "lot", "min_notional")), When.START),
    **dict.fromkeys(
        (f"market.{key}" for key in ("symbols", "timeframe", "confirm_timeframe", "stale_after", "sources")), When.START
    ),
    **dict.fromkeys((f"strategy.{key}" for key in ("name", "parameters", "regimes")), When.START),
    **dict.fromkeys((f"intelligence.{key}" for key in ("veto_below", "veto_above", "sources")), When.START),
    # [risk]: the next opinion is judged by them, tighter or looser; loss limits are looked at again at once
    **dict.fromkeys(
        (
            f"risk.{key}"
            for key in (
                "position_fraction",
                "risk_fraction",
                "max_open_positions",
                "max_entries_per_hour",
                "max_entries_per_day",
                "daily_loss_fraction",
                "max_drawdown_fraction",
                "cooldown",
                "min_net_reward_risk",
                "duplicate_window",
                "entry_band",
                "kelly_fraction",
                "kelly_trips",
                "allow_wide",
            )
        ),
        When.NOW,
    ),
    # [exits]: of positions that are entered from now on; those that are open keep the barriers of their plan
    **dict.fromkeys(
        (
            f"exits.{key}"
            for key in (
                "stop_fraction",
                "stop_min",
                "stop_max",
                "stop_structure",
                "targets",
                "trailing_fraction",
                "max_age",
            )
        ),
        When.NOW,
    ),
    "exits.stop_atr": When.NOW_IF_SET,
    **dict.fromkeys(
        (f"costs.{key}" for key in ("taker_fee", "maker_fee", "slippage", "latency", "bar_share")), When.NOW
    ),
    **dict.fromkeys((f"restart.{key}" for key in ("backoff", "max", "limit", "window")), When.NOW),
    **dict.fromkeys((f"restart.{key}" for key in ("orphan_after", "memory_mb")), When.START),
    "notify.discord": When.NOW,
    **dict.fromkeys((f"logging.{key}" for key in ("level", "max_bytes", "max_age", "total_bytes", "keep")), When.NOW),
}
"""Every key of a profile; tables that are handed on as they are count whole."""


def when(key: str, started_with: str | None) -> When:
    """Say whether a change of `key` takes effect NOW or at the next START; `started_with` is its value at the start.

    A key that nobody declared waits for the start.
    """
    path = key
    while path and path not in KEYS:
        path = path.rpartition(".")[0]
    declared = KEYS.get(path, When.START)
    if declared is When.NOW_IF_SET:
        return When.START if started_with is None else When.NOW
    return declared


def parted(
    started: InstanceConfig, applied: InstanceConfig, wanted: InstanceConfig
) -> tuple[list[Change], list[Change]]:
    """Say what of `wanted` takes effect now, and what waits for the next start.

    `started` is what the process was started with, `applied` the newest that it has taken in since.
    """
    later = [each for each in _of_the_recipe(started, wanted) if when(each.key, each.before) is When.START]
    held = {each.key for each in later}
    now = [
        each
        for each in _of_the_recipe(applied, wanted)
        if each.key not in held and when(each.key, each.before or "") is When.NOW
    ]
    return now, later


def _of_the_recipe(before: InstanceConfig, after: InstanceConfig) -> list[Change]:
    return [each for each in diff(before, after) if not each.key.startswith("instance.")]
