"""Write plain values as TOML, exactly: what is read back is equal to what was written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def toml(data: Mapping[str, object]) -> str:
    """Write a table: single values first, then one `[section]` for each table in it."""
    return "\n".join(_table((), data)).strip("\n") + "\n"


def value(item: object) -> str:
    """Write one value on one line; TypeError for what TOML or a profile does not know."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    if isinstance(item, Decimal):
        return format(item, "f")
    if isinstance(item, float):
        return repr(item)
    if isinstance(item, str):
        return '"' + "".join(_character(each) for each in item) + '"'
    if isinstance(item, list | tuple):
        return "[" + ", ".join(value(each) for each in item) + "]"
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {value(each)}" for name, each in item.items()) + " }"
    raise TypeError(f"A configuration file holds no {type(item).__name__}.")


def _character(each: str) -> str:
    if each in _ESCAPES:
        return _ESCAPES[each]
    return f"\\u{ord(each):04X}" if ord(each) < 0x20 or ord(each) == 0x7F else each


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else value(name)


def _table(path: tuple[str, ...], data: Mapping[str, object]) -> Iterator[str]:
    single = {name: item for name, item in data.items() if not isinstance(item, Mapping)}
    nested = {name: item for name, item in data.items() if isinstance(item, Mapping)}
    if path and (single or not nested):
        yield f"\n[{'.'.join(_key(name) for name in path)}]"
    for name, item in single.items():
        yield f"{_key(name)} = {value(item)}"
    for name, inner in nested.items():
        yield from _table((*path, name), inner)
