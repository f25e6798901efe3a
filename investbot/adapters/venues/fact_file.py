"""A file of what was said in the past: alerts and intelligence, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from investbot.domain.errors import DataError
from investbot.domain.facts import Alert, Intelligence
from investbot.domain.intelligence import clean, read_item, read_moment, read_number
from investbot.domain.schedule import Told
from investbot.domain.signal import Direction, Signal

_ALERT = {"kind", "at", "symbol", "direction", "source", "confidence", "reason", "stop", "targets", "setup", "id"}


def read_facts(path: Path) -> list[Told]:
    """Read the facts of a file in its order; DataError with the line that cannot be used.

    An alert has `"kind": "alert"`, at, symbol, direction (long, short), and may have source, confidence, reason, stop,
    targets, setup, id. An item has `"kind": "intelligence"`, received_at, and what every item has. Moments are RFC 3339
    text or milliseconds UTC; `received_at` says from when on the item was known.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"The file of facts {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DataError(f"The file of facts {path} is not UTF-8 text.") from None
    found: list[Told] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(_fact(_object(line), number))
        except DataError as error:
            raise DataError(f"Line {number} of {path.name} is no fact: {error}") from None
    return found


def _object(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError("It is not JSON.") from None
    if not isinstance(told, dict):
        raise DataError("It is not a JSON object.")
    return told


def _fact(told: dict[str, Any], number: int) -> Told:
    match told.get("kind"):
        case "alert":
            return _alert(told, number)
        case "intelligence":
            values = {name: value for name, value in told.items() if name not in {"kind", "received_at"}}
            item = read_item(values)
            at = read_moment(told.get("received_at"), "received_at")
            if at < item.published_at:
                raise DataError("It was received before it was published.")
            return Intelligence(at, (item,))
        case _:
            raise DataError("Its kind is neither alert nor intelligence.")


def _alert(told: Mapping[str, Any], number: int) -> Alert:
    unknown = [name for name in told if name not in _ALERT]
    if unknown:
        raise DataError(f"An alert has no {unknown[0][:32]!r}.")
    try:
        direction = Direction(told.get("direction", ""))
    except ValueError:
        raise DataError("The direction of an alert is long or short.") from None
    symbol, source, targets = told.get("symbol"), told.get("source", "alert"), told.get("targets", [])
    reason, setup, name = (told.get(key, "") for key in ("reason", "setup", "id"))
    if not isinstance(symbol, str) or not isinstance(targets, list):
        raise DataError("An alert names its symbol, and its targets are a list of prices.")
    if not all(isinstance(text, str) for text in (source, reason, setup, name)):
        raise DataError("The source, reason, setup and id of an alert are texts.")
    at = read_moment(told.get("at"), "at")
    signal = Signal(
        direction,
        read_number(told.get("confidence", 1.0), "confidence"),
        clean(reason) or f"An alert of {source}.",
        None if told.get("stop") is None else read_number(told["stop"], "stop"),
        tuple(read_number(target, "target") for target in targets),
        setup=clean(setup),
    )
    return Alert(at, symbol, clean(source) or "alert", signal, clean(name) or f"{source}/{at}/{number}")
