"""Signals and states: what an event means for the opinions, the candles acted on and what trading is allowed."""

from __future__ import annotations

import json

from investbot.adapters.storage.statements import Statement, insert, optional, plain
from investbot.domain import events as ev

# The signal is the last one or nearly so: walking back finds it sooner than an index would, and costs no page.
_THE_SIGNAL = "seq = (SELECT seq FROM signals WHERE signal_id = ? ORDER BY seq DESC LIMIT 1)"
_DENIED = (
    "UPDATE signals SET outcome = 'denied', denied_by = ?, denial = ?, value = ?, bound = ? "  # noqa: S608 - ours
    f"WHERE {_THE_SIGNAL}"
)
_PLANNED = f"UPDATE signals SET outcome = 'entry', plan_id = ? WHERE {_THE_SIGNAL}"  # noqa: S608 - ours
_PAUSED = (
    "INSERT INTO pauses (cause, at, reason) VALUES (?, ?, ?) "
    "ON CONFLICT (cause) DO UPDATE SET at = excluded.at, reason = excluded.reason"
)


def signal_raised(seq: int, event: ev.SignalRaised) -> list[Statement]:
    """Keep the opinion and the candle it was formed on."""
    opened_at, opened, high, low, close, volume = event.candle
    candle, values = insert(
        "market_data",
        seq=seq,
        at=event.at,
        symbol=event.symbol,
        timeframe=event.timeframe,
        opened_at=opened_at,
        open=plain(opened),
        high=plain(high),
        low=plain(low),
        close=plain(close),
        volume=volume,
    )
    return [
        insert(
            "signals",
            seq=seq,
            at=event.at,
            signal_id=event.signal_id,
            symbol=event.symbol,
            timeframe=event.timeframe,
            source=event.source,
            direction=event.direction.value,
            confidence=event.confidence,
            price=plain(event.price),
            stop=optional(event.stop),
            targets=json.dumps([plain(target) for target in event.targets]),
            reason=event.reason,
        ),
        (f"{candle} ON CONFLICT (opened_at, symbol, timeframe) DO NOTHING", values),
    ]


def intent_denied(_: int, event: ev.IntentDenied) -> list[Statement]:
    """Say which limit refused the signal."""
    return [(_DENIED, (event.limit, event.reason, event.value, event.bound, event.signal_id))]


def plan_made(_: int, event: ev.PlanMade) -> list[Statement]:
    """Say which plan the signal led to."""
    return [(_PLANNED, (event.plan.plan_id, event.plan.signal_id))]


def settings_applied(seq: int, event: ev.SettingsApplied) -> list[Statement]:
    """Keep from when on which version decided."""
    told = {"applied": json.dumps(event.applied), "waiting": json.dumps(event.waiting)}
    return [insert("settings", seq=seq, at=event.at, version=event.version, by=event.by, **told)]


def trading_state_changed(_: int, event: ev.TradingStateChanged) -> list[Statement]:
    """Keep what trading is allowed now."""
    return [("UPDATE snapshot SET trading_state = ?, state_reason = ?", (event.state.value, event.reason))]


def entries_paused(_: int, event: ev.EntriesPaused) -> list[Statement]:
    """Keep the cause."""
    return [(_PAUSED, (event.cause, event.at, event.reason))]


def entries_resumed(_: int, event: ev.EntriesResumed) -> list[Statement]:
    """Forget the cause."""
    return [("DELETE FROM pauses WHERE cause = ?", (event.cause,))]
