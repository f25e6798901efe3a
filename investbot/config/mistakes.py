"""Mistakes in configuration: found all at once, each with its place, its key and one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from investbot.config.consistency import Findings
from investbot.domain.errors import ConfigError

KeyPath = tuple[str, ...]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a key, wherever it stands: all the keys it has to do with, the one to change first."""

    keys: tuple[KeyPath, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: the `file` (or variable) it stands in, its `line` from 1 (None outside files), key and sentence."""

    file: str
    line: int | None
    key: str
    sentence: str

    def __str__(self) -> str:
        """Say it as `FILE:LINE: key: sentence`."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.sentence) if part)


def refusal(mistakes: Iterable[Mistake]) -> ConfigError:
    """Make the error that names every mistake, one a line."""
    return ConfigError("\n".join(str(mistake) for mistake in mistakes))


def validate(model: type[Model], data: Mapping[str, Any]) -> tuple[Model | None, list[Fault]]:
    """Check plain values against a model; every fault is told, of single keys and between keys."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        alone, between = _faults(model, error)
    if alone:
        # One wrong key keeps the rules between the others from being looked at: look again without it.
        wrong = {fault.keys[0] for fault in alone}
        hidden = _rules_broken(model, _without(data, wrong))
        between = [fault for fault in hidden if not any(_same(key, bad) for key in fault.keys for bad in wrong)]
    return None, alone + between


def _rules_broken(model: type[BaseModel], data: Mapping[str, Any]) -> list[Fault]:
    """Give what is wrong between keys; nothing where a key that must be there is not."""
    try:
        model.model_validate(data)
    except ValidationError as error:
        return _faults(model, error)[1]
    return []


def _faults(model: type[BaseModel], error: ValidationError) -> tuple[list[Fault], list[Fault]]:
    alone: list[Fault] = []
    between: list[Fault] = []
    for each in error.errors(include_url=False):
        path = tuple(str(part) for part in each["loc"])
        cause = each.get("ctx", {}).get("error")
        if isinstance(cause, Findings):
            between += [
                Fault(tuple((*path, *key.split(".")) for key in found.keys), found.sentence) for found in cause.findings
            ]
        elif each["type"] == "extra_forbidden":
            alone.append(Fault((path,), _unknown(model, path)))
        elif each["type"] == "missing":
            alone.append(Fault((path,), "this key is missing."))
        elif cause is not None:
            alone.append(Fault((path,), str(cause)))
        else:
            alone.append(Fault((path,), f"this is a table; write it as [{'.'.join(path)}]."))
    return alone, between


def _unknown(model: type[BaseModel], path: KeyPath) -> str:
    """Name the nearest key: in the same table, else the same key in another one."""
    key, known = path[-1], dict(_keys(model))
    here = [known_path[-1] for known_path in known if known_path[:-1] == path[:-1]]
    close = difflib.get_close_matches(key, here, n=1)
    if close:
        return f"there is no such key; did you mean {close[0]}?"
    elsewhere = [".".join(known_path) for known_path in known if known_path[-1] == key]
    if elsewhere:
        return f"there is no such key here; did you mean {elsewhere[0]}?"
    return f"there is no such key; {'the tables and keys here' if len(path) == 1 else 'here'} are {', '.join(here)}."


def _keys(model: type[BaseModel], path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    for name, field in model.model_fields.items():
        yield (*path, name), field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, (*path, name))


def _same(key: KeyPath, bad: KeyPath) -> bool:
    return key[: len(bad)] == bad


def _without(data: Mapping[str, Any], wrong: Iterable[KeyPath], path: KeyPath = ()) -> dict[str, Any]:
    kept = {name: item for name, item in data.items() if (*path, name) not in wrong}
    return {
        name: _without(item, wrong, (*path, name)) if isinstance(item, Mapping) else item for name, item in kept.items()
    }
