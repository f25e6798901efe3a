"""A file of the past: read whole, or refused with the line that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from investbot.adapters.venues.fact_file import read_facts
from investbot.domain.errors import DataError
from investbot.domain.facts import Alert, Intelligence
from investbot.domain.market import HOUR
from investbot.domain.signal import Direction, Signal

NOON = 1_704_110_400_000
ALERT: dict[str, Any] = {"kind": "alert", "at": "2024-01-01T12:00:00Z", "symbol": "BTC/USDT", "direction": "long"}
ITEM: dict[str, Any] = {
    "kind": "intelligence",
    "received_at": NOON + 5,
    "source": "news",
    "bias": 0.5,
    "confidence": 0.5,
    "published_at": NOON,
    "expires_at": NOON + HOUR,
}


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "facts.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_alerts_and_items_are_read(tmp_path: Path) -> None:
    full = {**ALERT, "source": "tv", "confidence": 0.7, "reason": "cross", "stop": 99, "targets": [101, "102.5"]}
    plain, whole, item = read_facts(written(tmp_path, ALERT, "", {**full, "setup": "cross", "id": "a1"}, ITEM))
    assert plain == Alert(
        NOON, "BTC/USDT", "alert", Signal(Direction.LONG, 1.0, "An alert of alert."), f"alert/{NOON}/1"
    )
    signal = Signal(Direction.LONG, 0.7, "cross", 99.0, (101.0, 102.5), "cross")
    assert whole == Alert(NOON, "BTC/USDT", "tv", signal, "a1")
    assert isinstance(item, Intelligence)
    assert (item.at, item.items[0].source, item.items[0].symbol) == (NOON + 5, "news", "*")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("no json", "not JSON"),
        ("[" * 9000, "not JSON"),
        ("[]", "JSON object"),
        ({}, "kind"),
        ({**ALERT, "kind": "candle"}, "kind"),
        ({**ALERT, "direction": "up"}, "long or short"),
        ({**ALERT, "direction": None}, "long or short"),
        ({**ALERT, "symbol": None}, "symbol"),
        ({**ALERT, "targets": 5}, "targets"),
        ({**ALERT, "targets": ["x"]}, "target"),
        ({**ALERT, "stop": "low"}, "stop"),
        ({**ALERT, "confidence": "NaN"}, "confidence"),
        ({**ALERT, "reason": 5}, "texts"),
        ({**ALERT, "at": "soon"}, "moment"),
        ({**ALERT, "colour": "red"}, "'colour'"),
        ({**ITEM, "bias": 2}, "bias"),
        ({**ITEM, "received_at": None}, "received_at"),
        ({**ITEM, "received_at": NOON - 1}, "before it was published"),
    ],
)
def test_a_line_that_is_no_fact_is_named(tmp_path: Path, row: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        read_facts(written(tmp_path, ALERT, row))
    assert "Line 2 of facts.jsonl" in str(error.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_facts(tmp_path / "gone")
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="UTF-8"):
        read_facts(tmp_path / "odd")
