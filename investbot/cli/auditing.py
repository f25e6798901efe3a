"""What the command line changes in the files of a home stands in the same audit as what the supervisor is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from investbot.bootstrap.home import Home
from investbot.cli.fleet import user
from investbot.cli.times import wall_clock
from investbot.domain.errors import InvestBotError


@contextmanager
def audited(home: Home, verb: str, names: Sequence[str], **args: Any) -> Iterator[None]:
    """Note what is done in the context and what came of it; `args` hold no secret."""
    try:
        yield
    except InvestBotError as error:
        _note(home, verb, names, args, str(error), error.exit_code)
        raise
    _note(home, verb, names, args, "ok", 0)


def _note(home: Home, verb: str, names: Sequence[str], args: dict[str, Any], outcome: str, exit_code: int) -> None:
    from investbot.supervisor.audit import AuditLog, Entry

    entry = Entry(wall_clock(), user(), os.getpid(), verb, tuple(names), args, outcome, exit_code)
    with suppress(OSError):  # a full disk does not undo what was done
        AuditLog(home.run.audit).append(entry)
