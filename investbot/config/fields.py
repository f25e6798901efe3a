"""The kinds of value a configuration key can hold: each reads what TOML gives and refuses with one sentence.

Numbers become Decimal exactly as written, durations milliseconds, fractions stay fractions. An optional key is unset
by an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from investbot.domain.errors import UsageError
from investbot.domain.market import DAY, HOUR, MINUTE, SECOND, Millis, Timeframe, parse_duration
from investbot.domain.states import Mode
from investbot.domain.times import parse_rfc3339, rfc3339

_DIGITS = 30
"""Orders of magnitude beyond which a number is a slip of the keyboard."""


def read_number(value: object) -> Decimal:
    """Read a TOML number or a text such as "0.02" exactly; ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"{value!r} is not a number.")  # noqa: TRY004  a ValueError is what the reader collects
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number.") from None
    if not number.is_finite() or (number and abs(number.adjusted()) > _DIGITS):
        raise ValueError(f"{value} is no number to reckon with.")
    return number


def _bounded(sentence: str, fits: Callable[[Decimal], bool]) -> Callable[[object], Decimal]:
    def read(value: object) -> Decimal:
        number = read_number(value)
        if not fits(number):
            raise ValueError(f"{number} is not {sentence}.")
        return number

    return read


def _whole(at_least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = read_number(value)
        if number != int(number) or number < at_least:
            raise ValueError(f"{value} is not a whole number of {at_least} or more.")
        return int(number)

    return read


def _optional(read: Callable[[object], Any]) -> Callable[[object], Any]:
    return lambda value: None if value is None or value == "" else read(value)


def read_duration(value: object) -> Millis:
    """Read `5m`, `0.5s` …, or 0, into milliseconds; ValueError."""
    if not isinstance(value, str):
        if value == 0 and not isinstance(value, bool):
            return 0
        raise ValueError(f"{value} is not a duration; write a number and ms, s, m, h or d, such as 5m.")
    try:
        return parse_duration(value.strip())
    except UsageError as error:
        raise ValueError(str(error)) from None


def _some_duration(value: object) -> Millis:
    duration = read_duration(value)
    if duration <= 0:
        raise ValueError("this duration must be longer than nothing.")
    return duration


def write_duration(duration: Millis) -> str:
    """Write milliseconds in the largest unit that says them exactly: 300000 is `5m`."""
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")):
        if duration and duration % unit == 0:
            return f"{duration // unit}{name}"
    return f"{duration}ms" if duration else "0s"


def _timeframe(value: object) -> Timeframe:
    if isinstance(value, Timeframe):
        return value
    try:
        return Timeframe.parse(str(value).strip())
    except UsageError as error:
        raise ValueError(str(error)) from None


def _moment(value: object) -> Millis:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    elif isinstance(value, date):
        value = value.isoformat()
    try:
        return parse_rfc3339(str(value).strip())
    except UsageError as error:
        raise ValueError(str(error)) from None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false.")  # noqa: TRY004  as above
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value} is not a text; put it in quotes.")  # noqa: TRY004  as above
    return value


def _name(value: object) -> str:
    text = _text(value).strip()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text):
        raise ValueError(f"{text!r} is not a name; use letters, digits, _ . and -.")
    return text


def _strategy(value: object) -> str:
    text = _text(value).strip()
    if not text or not text.isprintable():
        raise ValueError("name a strategy; `investbot strategies list` shows those there are.")
    return text


def _mode(value: object) -> Mode:
    try:
        return Mode(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a mode; write paper, sandbox or live.") from None


def one_of(*words: str) -> Callable[[object], str]:
    """Make a reader that takes only these words; ValueError."""

    def read(value: object) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is none of {', '.join(words)}.")
        return str(value)

    return read


_fraction = _bounded("a fraction above 0 and at most 1 (0.02 means 2 %)", lambda n: 0 < n <= 1)
_share = _bounded("a fraction from 0 to 1 (0.02 means 2 %)", lambda n: 0 <= n <= 1)
_rate = _bounded("a fraction of 0 or more and below 1 (0.001 means 0.1 %)", lambda n: 0 <= n < 1)
_positive = _bounded("a number above 0", lambda n: n > 0)
_not_negative = _bounded("a number of 0 or more", lambda n: n >= 0)

Fraction = Annotated[Decimal, PlainValidator(_fraction)]
"""Above 0, at most 1."""
Share = Annotated[Decimal, PlainValidator(_share)]
"""From 0 (which means off) to 1."""
Rate = Annotated[Decimal, PlainValidator(_rate)]
"""From 0 to below 1: fees, slippage, trails."""
Positive = Annotated[Decimal, PlainValidator(_positive)]
NotNegative = Annotated[Decimal, PlainValidator(_not_negative)]
OptionalPositive = Annotated[Decimal | None, PlainValidator(_optional(_positive))]
OptionalNotNegative = Annotated[Decimal | None, PlainValidator(_optional(_not_negative))]
Speed = Annotated[float, PlainValidator(lambda value: float(_not_negative(value)))]
Count = Annotated[int, PlainValidator(_whole(1))]
OptionalFraction = Annotated[Decimal | None, PlainValidator(_optional(_fraction))]
OptionalCount = Annotated[int | None, PlainValidator(_optional(_whole(1)))]
Whole = Annotated[int, PlainValidator(_whole(0))]
Duration = Annotated[Millis, PlainValidator(read_duration), PlainSerializer(write_duration)]
"""Milliseconds; 0 means off."""
SomeDuration = Annotated[Millis, PlainValidator(_some_duration), PlainSerializer(write_duration)]
"""Milliseconds, above 0."""
OptionalDuration = Annotated[
    Millis | None,
    PlainValidator(_optional(_some_duration)),
    PlainSerializer(lambda value: None if value is None else write_duration(value)),
]
Frame = Annotated[Timeframe, PlainValidator(_timeframe), PlainSerializer(str)]
OptionalFrame = Annotated[
    Timeframe | None,
    PlainValidator(_optional(_timeframe)),
    PlainSerializer(lambda value: None if value is None else str(value)),
]
Moment = Annotated[Millis, PlainValidator(_moment), PlainSerializer(rfc3339)]
Flag = Annotated[bool, PlainValidator(_flag)]
Text = Annotated[str, PlainValidator(_text)]
OptionalText = Annotated[str | None, PlainValidator(_optional(_text))]
Name = Annotated[str, PlainValidator(_name)]
StrategyName = Annotated[str, PlainValidator(_strategy)]
"""A registered name, `package.module:Class`, or a .py file."""
TradingMode = Annotated[Mode, PlainValidator(_mode), PlainSerializer(lambda mode: mode.value)]
