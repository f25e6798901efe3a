"""The keys that hold more than one value: symbols, target ladders, kinds of news, and tables handed on as they are."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from investbot.config.fields import read_number
from investbot.ports.notifier import Kind

KINDS = tuple(kind.value for kind in Kind)
"""What news can be sent about."""

_SECRETS = frozenset({"apikey", "secret", "password", "privatekey", "token", "twofa", "authorization", "login", "uid"})


def _words(value: object, what: str) -> list[str]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"this is not a list of {what}.")
    return [part.strip() for part in parts if part.strip()]


def _symbols(value: object) -> tuple[str, ...]:
    symbols = _words(value, "symbols such as BTC/USDT")
    if not symbols:
        raise ValueError("name at least one symbol, such as BTC/USDT.")
    for symbol in symbols:
        if not re.fullmatch(r"[A-Za-z0-9.$_-]+/[A-Za-z0-9.$_-]+", symbol):
            raise ValueError(f"{symbol!r} is not a symbol; write BASE/QUOTE, such as BTC/USDT.")
        if symbols.count(symbol) > 1:
            raise ValueError(f"{symbol} is named twice.")
    return tuple(symbols)


def _kinds(value: object) -> tuple[str, ...]:
    kinds = _words(value, "kinds")
    for kind in kinds:
        if "://" in kind:
            raise ValueError("an address is a secret and stays out of this file; run `investbot notify set discord`.")
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}.")
    return tuple(dict.fromkeys(kinds))


def _tags(value: object) -> tuple[str, ...]:
    tags = _words(value, "tags")
    for tag in tags:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", tag):
            raise ValueError(f"{tag!r} is no tag; use up to 32 of a-z, 0-9, - and _, a letter or digit first.")
    return tuple(dict.fromkeys(tags))


def _ladder(value: object) -> tuple[tuple[Decimal, Decimal], ...]:
    shape = "write the ladder as [[distance, part], …], such as [[0.02, 1.0]]."
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise ValueError(shape)
    rungs: list[tuple[Decimal, Decimal]] = []
    for rung in value:
        if isinstance(rung, str) or not isinstance(rung, Sequence) or len(rung) != 2:
            raise ValueError(shape)
        distance, part = read_number(rung[0]), read_number(rung[1])
        if not 0 < distance <= 1:
            raise ValueError(f"the distance {distance} is not a fraction above 0 and at most 1 (0.02 means 2 %).")
        if not 0 < part <= 1:
            raise ValueError(f"the part {part} is not a fraction of the position above 0 and at most 1.")
        if rungs and distance <= rungs[-1][0]:
            raise ValueError(f"the distances must ascend, but {distance} follows {rungs[-1][0]}.")
        rungs.append((distance, part))
    whole = sum(part for _, part in rungs)
    if whole != 1:
        raise ValueError(f"the parts add up to {whole} and not to 1.")
    return tuple(rungs)


def _files(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(file, str) and file for file in value.values()):
        raise ValueError('write one file for each symbol, such as { "BTC/USDT" = "btc.csv.gz" }.')
    return dict(value)


def _plain(value: object) -> Any:
    """Turn what TOML gave into plain values: a library takes no Decimal."""
    if isinstance(value, Decimal | float):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{value} is no number to reckon with.")
        return number
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise ValueError(f"{value} is neither a text, a number, true or false, nor a list or table of these.")


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("this is a table, not a single value.")  # noqa: TRY004  a ValueError is what the reader collects
    plain: dict[str, Any] = _plain(value)
    return plain


def _tables(value: object) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping):
        raise ValueError("this holds tables, not a single value.")  # noqa: TRY004  a ValueError is what the reader collects
    return {str(name): _table(item) for name, item in value.items()}


def is_secret(name: str) -> bool:
    """Tell whether a key of that name holds a secret as a rule."""
    return name.lower().replace("_", "").replace("-", "") in _SECRETS


def _secret_keys(value: object) -> list[str]:
    if isinstance(value, Mapping):
        own = [str(key) for key in value if is_secret(str(key))]
        return own + [found for item in value.values() for found in _secret_keys(item)]
    return [found for item in value for found in _secret_keys(item)] if isinstance(value, list | tuple) else []


def open_table(value: object) -> dict[str, Any]:
    """Read a table that a library is handed; ValueError for one that holds a secret."""
    secrets = _secret_keys(value)
    if secrets:
        raise ValueError(f"{secrets[0]} is a secret and stays out of this file; run `investbot keys set NAME`.")
    return _table(value)


Symbols = Annotated[tuple[str, ...], PlainValidator(_symbols), PlainSerializer(list)]
Kinds = Annotated[tuple[str, ...], PlainValidator(_kinds), PlainSerializer(", ".join)]
Tags = Annotated[tuple[str, ...], PlainValidator(_tags), PlainSerializer(list)]
"""Groups an instance belongs to; `@TAG` on the command line names all of them."""
Ladder = Annotated[
    tuple[tuple[Decimal, Decimal], ...],
    PlainValidator(_ladder),
    PlainSerializer(lambda rungs: [list(rung) for rung in rungs]),
]
"""(distance as a fraction of the entry price, part of the position), ascending; the parts add up to 1."""
Files = Annotated[dict[str, str], PlainValidator(_files)]
Table = Annotated[dict[str, Any], PlainValidator(_table)]
Tables = Annotated[dict[str, dict[str, Any]], PlainValidator(_tables)]
"""Tables by name, each of plain values."""
OpenTable = Annotated[dict[str, Any], PlainValidator(open_table)]
"""Handed to a library as it is; refused when it holds a secret."""
