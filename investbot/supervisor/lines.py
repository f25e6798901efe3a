"""One result line an instance for verbs that take several names; one that fails does not stop the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from investbot.domain.errors import InvariantError, InvestBotError, TryAgain, UnknownInstance

Line = dict[str, Any]
"""{"name", "ok", "exit_code", "message"} and what the verb adds."""


def good(name: str, message: str, **more: Any) -> Line:
    """Make the line of a success."""
    return {"name": name, "ok": True, "exit_code": 0, "message": message, **more}


def bad(name: str, error: InvestBotError, **more: Any) -> Line:
    """Make the line of a failure."""
    return {"name": name, "ok": False, "exit_code": error.exit_code, "message": str(error), **more}


async def each(names: Iterable[str], work: Callable[[str], Awaitable[Line]]) -> list[Line]:
    """Do `work` for all names at once and give their lines in the order of the names."""

    async def one(name: str) -> Line:
        try:
            return await work(name)
        except InvestBotError as error:
            return bad(name, error)

    return list(await asyncio.gather(*(one(name) for name in dict.fromkeys(names))))


def worst(result: Any) -> tuple[int, str]:
    """Give the highest exit code among lines and its sentence; (0, "ok") for anything else."""
    if isinstance(result, dict):
        result = result.get("lines")
    if not isinstance(result, list):
        return 0, "ok"
    failed = [line for line in result if isinstance(line, dict) and line.get("ok") is False]
    if not failed:
        return 0, "ok"
    line = max(failed, key=lambda each: int(each["exit_code"]))
    return line["exit_code"], line["message"]


def exit_of(code: int | None) -> int:
    """Translate how a process ended into an exit code of ours."""
    known = {UnknownInstance.exit_code, TryAgain.exit_code, 64, 65, 69, 73, 74, 77, 78}
    return code if code in known else InvariantError.exit_code
