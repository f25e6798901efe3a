"""JSON lines of the control socket: one object a line, at most 1 MiB; standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from investbot.domain import errors

MAX_LINE = 1 << 20
"""Bytes of the longest line, its line feed included."""

_ERRORS: dict[int, type[errors.InvestBotError]] = {
    cls.exit_code: cls
    for cls in (
        errors.UsageError,
        errors.DataError,
        errors.UnknownInstance,
        errors.SupervisorDown,
        errors.InvariantError,
        errors.AlreadyExists,
        errors.LedgerError,
        errors.TryAgain,
        errors.VaultError,
        errors.ConfigError,
    )
}


def encode(message: Mapping[str, Any]) -> bytes:
    """Turn a message into one line; DataError when it cannot be said in JSON or is longer than MAX_LINE bytes."""
    try:
        line = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise errors.DataError(f"A control message cannot be written as JSON: {error}.") from None
    if len(line) > MAX_LINE:
        raise errors.DataError(f"A control message of {len(line)} bytes is longer than the {MAX_LINE} allowed.")
    return line


def decode(line: bytes) -> dict[str, Any]:
    """Read one line; DataError, in one sentence, for whatever is not a JSON object of at most MAX_LINE bytes."""
    if len(line) > MAX_LINE:
        raise too_long()
    try:
        message = json.loads(line.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise errors.DataError("The control socket speaks one JSON object a line, and this line is not one.") from None
    if not isinstance(message, dict):
        raise errors.DataError("The control socket speaks one JSON object a line, and this line is another value.")
    return message


def too_long() -> errors.DataError:
    """Make the error for a line that never ends."""
    return errors.DataError(f"A line on the control socket is longer than the {MAX_LINE} bytes allowed.")


def error_for(exit_code: int, message: str) -> errors.InvestBotError:
    """Make the error that the other side meant; InvariantError for a code that nobody uses."""
    return _ERRORS.get(exit_code, errors.InvariantError)(message)


def failure(request_id: int | None, error: errors.InvestBotError) -> dict[str, Any]:
    """Make the answer that says why a request failed."""
    return {"id": request_id, "ok": False, "exit_code": error.exit_code, "message": str(error)}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
