"""Layers of configuration: files, environment and assignments, laid over one another."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from investbot.config.mistakes import Fault, KeyPath, Mistake
from investbot.config.places import places
from investbot.domain.errors import UsageError

PREFIX = "INVESTBOT__"
_WHERE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Layer:
    """Values, and where each key stands: in which file or variable, and in which line of it (None outside files)."""

    data: dict[str, Any]
    where: Mapping[KeyPath, tuple[str, int | None]]


def pointed(faults: Iterable[Fault], layers: Sequence[Layer]) -> list[Mistake]:
    """Point at every fault, in the order in which an editor meets them."""
    return sorted((_point(fault, layers) for fault in faults), key=lambda mistake: (mistake.file, mistake.line or 0))


def _point(fault: Fault, layers: Sequence[Layer]) -> Mistake:
    """Point at the layer that decided the key: the last one that holds it, else the one that comes nearest."""
    path = fault.keys[0]
    for length in range(len(path), -1, -1):
        for layer in reversed(layers):
            if path[:length] in layer.where:
                file, line = layer.where[path[:length]]
                return Mistake(file, line, ".".join(path), fault.sentence)
    return Mistake("", None, ".".join(path), fault.sentence)


def read_file(path: Path) -> tuple[Layer | None, list[Mistake]]:
    """Read one TOML file; numbers stay as exact as they are written."""
    source = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return None, [Mistake(source, 1, "", "this file is not UTF-8 text.")]
    except OSError as error:
        return None, [Mistake(source, None, "", f"this file cannot be read: {error.strerror}.")]
    return read_text(text, source)


def read_text(text: str, source: str) -> tuple[Layer | None, list[Mistake]]:
    """Read TOML text; `source` names it in mistakes."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        match = _WHERE.search(str(error))
        line = int(match[1]) if match and match[1] else text.count("\n") + 1
        why = _WHERE.sub("", str(error)) if isinstance(error, tomllib.TOMLDecodeError) else "a value is out of bounds"
        return None, [Mistake(source, line, "", f"this is not TOML: {why}.")]
    where: dict[KeyPath, tuple[str, int | None]] = {(): (source, 1)}
    where |= {path: (source, line) for path, line in places(text).items()}
    return Layer(data, where), []


def from_environment(environ: Mapping[str, str], base: Mapping[str, Any]) -> Layer:
    """Read INVESTBOT__SECTION__KEY variables; a key that `base` holds is met in any case, others in lower case."""
    found: list[tuple[KeyPath, str, str]] = []
    for name, text in sorted(environ.items()):
        if name.startswith(PREFIX):
            found.append((_as_in(base, name.removeprefix(PREFIX).split("__")), text, name))
    return _assigned(found)


def _as_in(base: Mapping[str, Any], parts: Sequence[str]) -> KeyPath:
    path: list[str] = []
    table: object = base
    for part in parts:
        known = {name.lower(): name for name in table} if isinstance(table, Mapping) else {}
        name = known.get(part.lower(), part.lower() if part.isupper() else part)
        table = table.get(name) if isinstance(table, Mapping) else None
        path.append(name)
    return tuple(path)


def from_assignments(assignments: Iterable[str]) -> Layer:
    """Read `section.key=value`; UsageError for anything else."""
    found: list[tuple[KeyPath, str, str]] = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        path = tuple(part.strip() for part in name.split("."))
        if not equals or not all(path):
            raise UsageError(f"{assignment!r} sets nothing; write KEY=VALUE, such as risk.max_open_positions=2.")
        found.append((path, text.strip(), ""))
    return _assigned(found)


def _assigned(found: Iterable[tuple[KeyPath, str, str]]) -> Layer:
    data: dict[str, Any] = {}
    where: dict[KeyPath, tuple[str, int | None]] = {}
    for path, text, name in found:
        item: Any = parse_value(text)
        for part in reversed(path):
            item = {part: item}
        data = merge(data, item)
        where[path] = (name, None)
    return Layer(data, where)


def parse_value(text: str) -> Any:
    """Read a value as TOML would; what is not TOML is the text itself."""
    try:
        data = tomllib.loads(f"value = {text}", parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        return text
    return data["value"] if len(data) == 1 else text


def merge(base: Mapping[str, Any], over: Mapping[str, Any], path: KeyPath = ()) -> dict[str, Any]:
    """Lay `over` on `base`, table by table; a list replaces a list.

    Another strategy does not inherit the parameters of the one before, nor a replay of one file the files of another.
    """
    kept = dict(base)
    if path == ("strategy",) and over.get("name", base.get("name")) != base.get("name"):
        kept.pop("parameters", None)
        kept.pop("regimes", None)
    if path == ("venue", "replay") and not over.keys().isdisjoint({"file", "files"}):
        kept.pop("file", None)
        kept.pop("files", None)
    for name, item in over.items():
        below = kept.get(name)
        if isinstance(below, Mapping) and isinstance(item, Mapping):
            kept[name] = merge(below, item, (*path, name))
        else:
            kept[name] = item
    return kept


def with_absolute_files(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the files of a replay, of a strategy and of sources absolute, seen from `folder`."""
    over: dict[str, Any] = {}
    replay, strategy = _table(_table(data, "venue"), "replay"), _table(data, "strategy")
    if isinstance(replay.get("file"), str) and replay["file"]:
        over["file"] = str((folder / replay["file"]).absolute())
    if isinstance(replay.get("files"), dict):
        over["files"] = {
            symbol: str((folder / file).absolute()) if isinstance(file, str) and file else file
            for symbol, file in replay["files"].items()
        }
    if isinstance(replay.get("facts"), str) and replay["facts"]:
        over["facts"] = str((folder / replay["facts"]).absolute())
    if over:
        data = {**data, "venue": {**data["venue"], "replay": {**replay, **over}}}
    named = strategy.get("name")
    if isinstance(named, str) and named.partition(":")[0].endswith(".py"):
        data = {**data, "strategy": {**strategy, "name": str((folder / named).absolute())}}
    intelligence = _table(data, "intelligence")
    if isinstance(intelligence.get("sources"), list | tuple):
        sources = [_with_absolute_file(source, folder) for source in intelligence["sources"]]
        data = {**data, "intelligence": {**intelligence, "sources": sources}}
    return data


def _with_absolute_file(source: Any, folder: Path) -> Any:
    file = source.get("file") if isinstance(source, Mapping) else None
    return {**source, "file": str((folder / file).absolute())} if isinstance(file, str) and file else source


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = data.get(name)
    return table if isinstance(table, Mapping) else {}
