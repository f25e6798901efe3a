"""Candle files as blocks of numbers: csv, gzipped csv and parquet, read a few thousand rows at a time."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from investbot.domain.errors import DataError

ROWS = 8192
"""Rows a block: small enough for a small machine, large enough that the blocks cost nothing."""

PRICES = ("open", "high", "low", "close")
TIMES = ("timestamp", "time", "date", "datetime", "open_time")
_WANTED = f"timestamp, {', '.join(PRICES)}, volume"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Block:
    """Rows as they stand in the file: `lines` their numbers counted from 1, `times` in the file's own unit.

    Shapes: times (n,), prices (n, 4) as open, high, low, close, volumes (n,).
    """

    lines: Sequence[int]
    times: npt.NDArray[np.float64]
    prices: npt.NDArray[np.float64]
    volumes: npt.NDArray[np.float64]


def read_blocks(path: Path, rows: int = ROWS) -> Iterator[Block]:
    """Read a candle file block by block; DataError when it is missing or not one."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == b"PAR1":
            yield from _read_parquet(path, rows)
        else:
            with _open_text(path, zipped=magic[:2] == b"\x1f\x8b") as file:
                yield from _read_csv(path.name, file, rows)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path.name} is cut short or damaged: its gzip stream does not end well.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is not a csv file: it holds bytes that are no text.") from error
    except OSError as error:
        raise DataError(f"The candle file {path} cannot be read: {error.strerror or error}.") from error


# ---- csv -----------------------------------------------------------------------------------------------------------


def _open_text(path: Path, *, zipped: bool) -> IO[str]:
    if zipped:
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _read_csv(name: str, file: IO[str], rows: int) -> Iterator[Block]:
    reader = _CsvReader(name, file.readline())
    line = 2
    while chunk := list(islice(file, rows)):
        numbered = [(number, text) for number, text in enumerate(chunk, line) if not text.isspace()]
        line += len(chunk)
        if numbered:
            yield reader.block([number for number, _ in numbered], [text for _, text in numbered])


class _CsvReader:
    """Knows where the columns of one file are, and names the line that is wrong."""

    def __init__(self, name: str, header: str) -> None:
        self._name = name
        names = [column.strip().lower() for column in next(csv.reader([header]), [])]
        self._columns = _find_columns(names, f"{name}: line 1")
        self._width = len(names)
        self._stamped = False
        self._started = False

    def block(self, numbers: list[int], lines: list[str]) -> Block:
        """Turn lines into a block; DataError with the number of the first line that does not fit."""
        if not self._started:
            self._started = True
            self._stamped = not _is_number(self._cells(lines[0])[self._columns[0]])
        converters: Any = {self._columns[0]: _stamp} if self._stamped else None
        try:
            if any(line.count(",") != self._width - 1 for line in lines):
                raise ValueError
            table = np.loadtxt(
                lines,
                delimiter=",",
                comments=None,
                quotechar='"',
                usecols=self._columns,
                ndmin=2,
                converters=converters,
            )
        except ValueError:
            table = self._read_slowly(numbers, lines)
        return Block(numbers, table[:, 0], table[:, 1:5], table[:, 5])

    def _cells(self, line: str) -> list[str]:
        cells = next(csv.reader([line]))
        return cells + [""] * (self._width - len(cells))

    def _read_slowly(self, numbers: list[int], lines: list[str]) -> npt.NDArray[np.float64]:
        """Read line by line, to name the first one that is wrong by itself."""
        table = []
        for number, line in zip(numbers, lines, strict=True):
            cells = next(csv.reader([line]))
            if len(cells) != self._width:
                message = f"{self._name}: line {number} has {len(cells)} columns where the header has {self._width}."
                raise DataError(message)
            values = []
            for place, column in enumerate(self._columns):
                read = _stamp if self._stamped and not place else _number
                try:
                    values.append(read(cells[column]))
                except ValueError as error:
                    cell = cells[column].strip()
                    what = f"is no number: {cell!r}" if cell else "is empty"
                    named = ("timestamp", *PRICES, "volume")[place]
                    raise DataError(f"{self._name}: line {number}: {named} {what}.") from error
            table.append(values)
        return np.array(table)


def _find_columns(names: Sequence[str], where: str) -> tuple[int, ...]:
    """Find timestamp, prices and volume among column names; DataError when one is missing."""
    time = next((name for name in TIMES if name in names), None)
    if time is None or any(name not in names for name in (*PRICES, "volume")):
        raise DataError(f"{where} is not a header with the columns {_WANTED}.")
    return tuple(names.index(name) for name in (time, *PRICES, "volume"))


def _is_number(cell: str) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _number(cell: str) -> float:
    if "_" in cell:
        raise ValueError(cell)  # Python's way of writing thousands, not a csv file's
    return float(cell)


def _stamp(cell: str) -> float:
    """Read an RFC 3339 stamp into milliseconds; one without a zone is UTC."""
    moment = datetime.fromisoformat(cell.strip())
    return float(((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND)


# ---- parquet -------------------------------------------------------------------------------------------------------


def _read_parquet(path: Path, rows: int) -> Iterator[Block]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError(
            f"{path.name} is a parquet file: install the extra that reads it, pip install 'investbot[parquet]'."
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            columns = [names[at] for at in _find_columns([name.strip().lower() for name in names], path.name)]
            line = 1
            for batch in file.iter_batches(batch_size=rows, columns=columns, use_threads=False):
                taken = [_floats(pa, batch.column(name)) for name in columns]
                yield Block(range(line, line + len(batch)), taken[0], np.column_stack(taken[1:5]), taken[5])
                line += len(batch)
    except (pa.ArrowException, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DataError(f"{path.name} is not a parquet file that can be read: {reason}.") from error


def _floats(pa: Any, column: Any) -> npt.NDArray[np.float64]:
    """Turn an arrow column into float64, moments into milliseconds, what is missing into NaN."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array([_stamp(text or "") for text in column.to_pylist()], dtype=np.float64)
    floats: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return floats
