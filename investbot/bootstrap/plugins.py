"""Strategies by name: an entry point, `package.module:Class`, or a .py file; parameters as they are declared."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from investbot.bootstrap.installed import entry_points
from investbot.domain.errors import ConfigError
from investbot.strategies.api import Strategy, check_parameters
from investbot.strategies.by_regime import by_regime

STRATEGIES = "investbot.strategies"
"""The group of entry points that strategies register under."""

_PARTS = ("name", "description", "warmup", "indicators", "confirm_indicators", "evaluate")
_BROKEN = (ImportError, SyntaxError, AttributeError, NameError, TypeError, ValueError, OSError)
"""What importing somebody else's module may raise."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter: `kind` is int, float, bool or str; bounds are inclusive, None where there is none."""

    name: str
    kind: str
    default: Any
    help: str
    least: float | None
    most: float | None
    choices: tuple[str, ...]


def strategy_names() -> list[str]:
    """Name all registered strategies, in alphabetical order, without loading one."""
    return sorted({entry.name for entry in entry_points(group=STRATEGIES)})


def load_strategy(named: str, folder: Path | None = None) -> type[Strategy]:
    """Load a strategy's class by name, as `package.module:Class`, or from a file (`mine.py`, `mine.py:Class`).

    Files are relative to `folder`. ConfigError, in one sentence, for whatever is not a strategy.
    """
    place, _, cls_name = named.partition(":")
    try:
        if place.endswith(".py"):
            found = _pick(_module_of((folder or Path()) / place), cls_name, named)
        elif cls_name:
            found = getattr(importlib.import_module(place), cls_name)
        else:
            found = _registered(named)
    except _BROKEN as error:
        raise ConfigError(
            f"The strategy {named} cannot be loaded: {type(error).__name__}: {_first_line(error)}."
        ) from error
    return _checked(found, named)


def parameters(strategy: type[Strategy]) -> list[Parameter]:
    """List what a strategy can be told, in the order of its declaration."""
    found: list[Parameter] = []
    for declared in _fields(strategy):
        told = declared.metadata
        found.append(
            Parameter(
                name=declared.name,
                kind=type(declared.default).__name__,
                default=declared.default,
                help=str(told.get("help", "")),
                least=told.get("min"),
                most=told.get("max"),
                choices=tuple(told.get("choices", ())),
            )
        )
    return found


def make_strategy(
    named: str,
    given: Mapping[str, Any],
    folder: Path | None = None,
    regimes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Strategy:
    """Load a strategy and give it its parameters, and those that replace some of them in the `regimes` named.

    ConfigError, in one sentence, for one that does not fit.
    """
    base = _made(named, given, folder)
    return by_regime(base, {name: _made(named, {**given, **own}, folder) for name, own in (regimes or {}).items()})


def _made(named: str, given: Mapping[str, Any], folder: Path | None) -> Strategy:
    strategy = load_strategy(named, folder)
    declared = {each.name: each for each in parameters(strategy)}
    for name in given:
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(declared) or 'none'}."
            raise ConfigError(f"The strategy {named} has no parameter {name}; {hint}")
    values = {name: _as_declared(value, declared[name].kind) for name, value in given.items()}
    try:
        made = strategy(**values)
        check_parameters(made)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"The strategy {named} refuses its parameters: {_first_line(error)}.") from error
    return made


def _as_declared(value: Any, kind: str) -> Any:
    """Turn the exact numbers of a TOML file into floats where one is declared; leave all else to the check."""
    if kind == "float" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return float(value)
    return value


def _registered(name: str) -> Any:
    found = [entry for entry in entry_points(group=STRATEGIES) if entry.name == name]
    if not found:
        close = difflib.get_close_matches(name, strategy_names(), n=1)
        hint = f"did you mean {close[0]}?" if close else "`investbot strategies list` shows those there are."
        raise ConfigError(f"There is no strategy {name!r}; {hint}")
    return found[0].load()


def _module_of(path: Path) -> ModuleType:
    """Import a file under a name of its own; the same file is imported once."""
    resolved = path.resolve()
    if not resolved.is_file():
        raise ConfigError(f"There is no strategy file {path}.")
    name = f"investbot_plugin_{resolved.stem}_{abs(hash(str(resolved))):x}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while it is being made
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _pick(module: ModuleType, cls_name: str, named: str) -> Any:
    """Take the class that is named, else the only one in the file that has opinions."""
    if cls_name:
        return getattr(module, cls_name)
    own = [
        each
        for each in vars(module).values()
        if inspect.isclass(each) and each.__module__ == module.__name__ and hasattr(each, "evaluate")
    ]
    if len(own) != 1:
        names = ", ".join(each.__name__ for each in own) or "none"
        raise ConfigError(f"{named} must hold one strategy or name one as FILE.py:Class; it holds {names}.")
    return own[0]


def _checked(found: Any, named: str) -> type[Strategy]:
    if not inspect.isclass(found) or not is_dataclass(found) or not found.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise ConfigError(f"{named} is not a strategy: it must be a frozen dataclass.")
    missing = [part for part in _PARTS if not hasattr(found, part)]
    if missing:
        raise ConfigError(f"{named} is not a strategy: it has no {', '.join(missing)}.")
    for declared in _fields(found):
        if declared.default is MISSING or type(declared.default) not in {int, float, bool, str}:
            raise ConfigError(
                f"The parameter {declared.name} of {named} needs a default that is a number, a text, true or false."
            )
    return cast("type[Strategy]", found)


def _fields(strategy: Any) -> tuple[Field[Any], ...]:
    return fields(strategy)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0].rstrip(".")
