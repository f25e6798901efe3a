"""Events to plain JSON values and back, exactly: Decimal as text, enums as their values, tuples as lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from investbot.domain import events
from investbot.domain.errors import InvariantError

EVENT_TYPES: dict[str, type[Any]] = {cls.__name__: cls for cls in get_args(events.Event)}
"""Every kind of event by its name, the name that ledgers and screens show."""


def encode(value: object) -> Any:
    """Turn a domain value into JSON values; an event loses only its class name (see `kind`)."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if is_dataclass(value):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    return value


def kind(event: events.Event) -> str:
    """Name an event as ledgers and screens do."""
    return type(event).__name__


def decode(kind_name: str, body: dict[str, Any]) -> events.Event:
    """Rebuild an event from its kind and JSON body; InvariantError when it is not one of ours."""
    cls = EVENT_TYPES.get(kind_name)
    if cls is None:
        message = (
            f"The ledger holds an event of the unknown kind {kind_name!r}; use the version of InvestBot that wrote it."
        )
        raise InvariantError(message)
    try:
        event: events.Event = _READERS[kind_name](body)
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        message = f"An event of kind {kind_name} in the ledger cannot be read: its {error} is wrong or missing."
        raise InvariantError(message) from error
    return event


def _reader(hint: Any) -> Callable[[Any], Any]:
    """Make the function that reads one JSON value as `hint`."""
    if isinstance(hint, UnionType):
        (inner,) = (arg for arg in get_args(hint) if arg is not NoneType)
        read_inner = _reader(inner)
        return lambda value: None if value is None else read_inner(value)
    if get_origin(hint) is tuple:
        return _tuple_reader(get_args(hint))
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        readers = [(field.name, _reader(hints[field.name]), field.default is MISSING) for field in fields(hint)]
        # What an older program did not write yet has its default.
        return lambda body: hint(**{name: read(body[name]) for name, read, must in readers if must or name in body})
    if isinstance(hint, type) and issubclass(hint, Enum | Decimal | float):
        return hint
    return lambda value: _exact(hint, value)


def _tuple_reader(args: tuple[Any, ...]) -> Callable[[Any], Any]:
    if len(args) == 2 and args[1] is Ellipsis:
        each = _reader(args[0])
        return lambda value: tuple(each(item) for item in value)
    readers = [_reader(arg) for arg in args]
    return lambda value: tuple(read(item) for read, item in zip(readers, value, strict=True))


def _exact(hint: type[Any], value: object) -> object:
    if type(value) is not hint:
        raise TypeError(value)
    return value


_READERS = {name: _reader(cls) for name, cls in EVENT_TYPES.items()}
