"""The fleets of other machines, asked over the operator's own SSH, all at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from collections.abc import Sequence
from typing import Any

from investbot.cli.fleet_table import COLUMNS, LESS, MONEY, NONE, short
from investbot.cli.session import Session
from investbot.domain.errors import InvestBotError, SupervisorDown, TryAgain, UsageError

ANSWER_S = 60.0
"""Seconds a machine has for its answer."""
_CONNECT_S = 10
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@:-]{0,254}")
_ASKED = ("investbot", "status", "--json")
_AMOUNT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""What could move the cursor of this terminal: another machine's words are not trusted with it."""


def elsewhere(session: Session, hosts: Sequence[str], *, answer_s: float = ANSWER_S) -> int:
    """Show the fleets of `hosts` as one, a warning for each that does not answer; return the worst exit code.

    UsageError for what cannot be a host, before any is asked.
    """
    wanted = list(dict.fromkeys(hosts))
    for host in wanted:
        if _HOST.fullmatch(host) is None:
            message = f"{host!r} is no host; write user@host."
            raise UsageError(message)
    answers = asyncio.run(_ask_all(wanted, answer_s))
    rows: list[dict[str, Any]] = []
    worst = 0
    for host, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, InvestBotError):
            worst = max(worst, answer.exit_code)
            session.output.warn(f"{host}: {answer}")
        else:
            rows += [{"host": host} | row | {"host": host} for row in answer]
    output = session.output
    output.rows(rows if output.is_json else map(short, rows), ("host", *COLUMNS), NONE, LESS)
    return worst


async def _ask_all(hosts: Sequence[str], answer_s: float) -> list[list[dict[str, Any]] | InvestBotError]:
    return await asyncio.gather(*(_ask(host, answer_s) for host in hosts))


async def _ask(host: str, answer_s: float) -> list[dict[str, Any]] | InvestBotError:
    """Run `investbot status --json` there; give its rows, or why there are none."""
    options = ("-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={_CONNECT_S}")
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            "ssh",
            *options,
            "--",
            host,
            *_ASKED,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
    except FileNotFoundError:
        return SupervisorDown("there is no ssh on this machine; install it.")
    try:
        async with asyncio.timeout(answer_s):
            out, err = await process.communicate()
    except TimeoutError:
        return TryAgain(f"it did not answer within {answer_s:g} s.")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with what it has started, which may hold the pipes
            await process.wait()
    rows = _rows(out)
    if rows is not None:
        return rows
    said = (err.decode("utf-8", "replace").strip().splitlines() or ["it answered nothing that can be read"])[-1]
    return TryAgain(f"{_clean(said[:200]).rstrip('.')} (exit code {process.returncode}).")


def _rows(out: bytes) -> list[dict[str, Any]] | None:
    """Read an answer; None for what is no list of instances."""
    try:
        found = json.loads(out)
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(row, dict) and _is_status(row) for row in found):
        return None
    return [{key: _clean(value) for key, value in row.items()} for row in found]


def _is_status(row: dict[str, Any]) -> bool:
    amounts = (row.get(key) for key in MONEY)
    return isinstance(row.get("name"), str) and all(
        each is None or (isinstance(each, str) and _AMOUNT.fullmatch(each)) for each in amounts
    )


def _clean(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return _CONTROL.sub("?", value) if isinstance(value, str) else value
