"""The only module that prints: for a human (a table, or plain columns in a pipe), as JSON, as CSV, or not at all."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

Row = Mapping[str, Any]

_GAP = 3
"""Characters between two columns of a table."""
_LAST = 30
"""Characters that the last column, which may take several lines, is content with."""


class Face(StrEnum):
    """How results are shown."""

    HUMAN = "human"
    JSON = "json"
    QUIET = "quiet"


def line(name: str, message: str, exit_code: int = 0, **more: Any) -> dict[str, Any]:
    """Tell what became of one name of a command that takes several."""
    return {"name": name, "ok": exit_code == 0, "exit_code": exit_code, "message": message, **more}


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go; warnings and questions go to stderr so that a pipe holds results only."""

    face: Face = Face.HUMAN

    @property
    def is_json(self) -> bool:
        """Whether a program reads along."""
        return self.face is Face.JSON

    def say(self, sentence: str) -> None:
        """Tell a human that something was done."""
        if self.face is Face.HUMAN:
            print(sentence)

    def warn(self, sentence: str) -> None:
        """Tell of something doubtful, on stderr, also beside JSON."""
        if self.face is not Face.QUIET:
            print(f"Warning: {sentence}", file=sys.stderr)

    def value(self, value: Any) -> None:
        """Print one JSON value."""
        if self.face is not Face.QUIET:
            print(dumps(value))

    def item(self, value: Row, human: str) -> None:
        """Print one item of a stream: a JSON object a line, or the words for a human."""
        if self.face is Face.QUIET:
            return
        print(json.dumps(plain(value), ensure_ascii=False) if self.is_json else human, flush=True)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show on a terminal that something takes a while."""
        if self.face is not Face.HUMAN or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status(what):
            yield

    def record(self, record: Row, title: str = "") -> None:
        """Print one object: JSON, or a name and a value a line."""
        if self.is_json:
            self.value(record)
        elif self.face is Face.HUMAN:
            if title:
                print(title)
            width = max((len(key) for key in record), default=0)
            for key, value in record.items():
                print(f"{label(key):<{width}}  {text(value) or '-'}")

    def rows(self, rows: Iterable[Row], columns: Sequence[str], empty: str = "", less: Sequence[str] = ()) -> None:
        """Print many objects: a JSON array with all their keys, or the chosen columns for a human.

        A terminal that is too narrow loses columns that say nothing first, then those of `less`, the first one first.
        """
        if self.is_json:
            self.value(list(rows))
            return
        if self.face is Face.QUIET:
            return
        cells = [[text(row.get(column)) for column in columns] for row in rows]
        if not cells:
            print(empty or "Nothing yet.", file=sys.stderr)
        elif sys.stdout.isatty():
            _table(cells, columns, less)
        else:
            _columns([[label(column) for column in columns], *cells])

    def csv(self, rows: Iterable[Row], columns: Sequence[str]) -> None:
        """Print rows as CSV with a header."""
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(["" if row.get(column) is None else text(row.get(column)) for column in columns])

    def lines(self, lines: Sequence[Row]) -> int:
        """Print one line a name, failures on stderr, and give the worst exit code."""
        if self.is_json:
            self.value(list(lines))
        for each in lines:
            sentence = named(each["name"], each["message"])
            if each["exit_code"]:
                print(sentence, file=sys.stderr)
            elif self.face is Face.HUMAN:
                print(sentence)
        return max((each["exit_code"] for each in lines), default=0)


def named(name: str, sentence: str) -> str:
    """Put an instance's name before a sentence that does not begin with it."""
    return sentence if sentence.startswith((f"{name} ", f"{name}:")) else f"{name}: {sentence}"


def label(column: str) -> str:
    """Show a key as a heading."""
    return column.replace("_", " ")


def text(value: Any) -> str:
    """Show one value to a human."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple):
        return " ".join(text(each) for each in value)
    if isinstance(value, Mapping):
        return " ".join(f"{key}={text(each)}" for key, each in value.items())
    return str(plain(value))


def plain(value: Any) -> Any:
    """Turn a value into what JSON knows: Decimal as text without exponent, enums as their values."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def dumps(value: Any) -> str:
    """Write JSON with stable, readable layout."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def _table(cells: Sequence[Sequence[str]], columns: Sequence[str], less: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    kept = _fitting(cells, columns, less, console.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index in kept:
        numeric = all(_is_number(row[index]) for row in cells)
        last = index == kept[-1]
        table.add_column(label(columns[index]), justify="right" if numeric else "left", no_wrap=not last)
    for row in cells:
        table.add_row(*(Text(row[index]) for index in kept))
    console.print(table)


def _fitting(cells: Sequence[Sequence[str]], columns: Sequence[str], less: Sequence[str], width: int) -> list[int]:
    """Choose the columns that a terminal of `width` characters has room for, by their places."""
    widths = [
        max(len(label(column)), *(len(row[index]) for row in cells)) + _GAP for index, column in enumerate(columns)
    ]
    widths[-1] = min(widths[-1], _LAST)
    said_nothing = [column for index, column in enumerate(columns) if all(row[index] == "-" for row in cells)]
    kept = list(range(len(columns)))
    for column in (*said_nothing, *less):
        if sum(widths[index] for index in kept) <= width + _GAP:
            break
        kept = [index for index in kept if columns[index] != column]
    return kept


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(".", "", 1).replace("-", "", 1).isdigit()


def _columns(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    for line in lines:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
