"""One JSON object a line: at, level, event, then whatever the event is about."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from investbot.domain.times import rfc3339

STRUCK_OUT = "[secret]"
_SHORTEST_SECRET = 4


def fields(**values: Any) -> dict[str, Mapping[str, Any]]:
    """Pack what a line is about for `logger.info("event_name", extra=fields(symbol="BTC/USDT"))`; None is left out."""
    return {"fields": {name: value for name, value in values.items() if value is not None}}


class Redactor:
    """Strikes known secrets out of text, in every spelling that a JSON line may give them."""

    def __init__(self, secrets: Iterable[str | bytes] = ()) -> None:
        self._spellings: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str | bytes) -> None:
        """Know one more secret, text or bytes (shown as hexadecimal); very short ones would strike out plain words."""
        if len(secret) < _SHORTEST_SECRET:
            return
        if isinstance(secret, bytes):
            spellings = {secret.hex(), secret.hex().upper()}
        else:
            spellings = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
        self._spellings = sorted({*self._spellings, *spellings}, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Give `text` without any known secret."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, STRUCK_OUT)
        return text


class JsonLines(logging.Formatter):
    """Formats records as JSON lines; what is common to all (`instance`) is given once."""

    def __init__(self, redactor: Redactor, **common: Any) -> None:
        super().__init__()
        self._redactor = redactor
        self._common = common

    def format(self, record: logging.LogRecord) -> str:
        """Write one record; values that JSON does not know are written as text."""
        line: dict[str, Any] = {
            "at": rfc3339(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **self._common,
        }
        if record.name != "investbot" and not record.name.startswith("investbot."):
            line["logger"] = record.name
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return self._redactor.clean(json.dumps(line, ensure_ascii=False, default=str))
