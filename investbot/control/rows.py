"""Rows as other programs read them: moments in RFC 3339, money as decimal text."""

from __future__ import annotations

from typing import Any

from investbot.domain.codec import encode, kind
from investbot.domain.events import Event
from investbot.domain.times import rfc3339

_CANDLE = ("opened_at", "open", "high", "low", "close", "volume")


def event_row(seq: int, event: Event) -> dict[str, Any]:
    """Tell one event of a ledger: its place, when, what kind, then all it holds."""
    body = told(encode(event))
    if "candle" in body:
        body["candle"] = told(dict(zip(_CANDLE, body["candle"], strict=True)))
    return {"seq": seq, "at": body.pop("at"), "kind": kind(event), **body}


def told(body: dict[str, Any]) -> dict[str, Any]:
    """Give the same values with every moment (`at`, `…_at`, in milliseconds UTC) as RFC 3339 text."""
    return {name: _told(name, value) for name, value in body.items()}


def _told(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return told(value)
    if isinstance(value, int) and (name == "at" or name.endswith("_at")):
        return rfc3339(value)
    return value
