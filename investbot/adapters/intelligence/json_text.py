"""JSON of strangers: numbers that are none and nesting without end are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from investbot.domain.errors import DataError


def parse(body: bytes | str) -> Any:
    """Read JSON; DataError for other text, NaN, Infinity, and what is nested too deep to be read."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except RecursionError:
        raise DataError("The answer is nested too deep.") from None
    except ValueError:
        start = body[:64].lstrip()
        page = start.startswith(b"<") if isinstance(start, bytes) else start.startswith("<")
        raise DataError("The answer is a page and no JSON." if page else "The answer is not JSON.") from None


def at(value: Any, path: str) -> Any:
    """Follow names and places (`data.0.value`; empty: the value itself); DataError where one is missing."""
    for part in path.split(".") if path else ():
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise DataError(f"The answer has no {path}.")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(name)
