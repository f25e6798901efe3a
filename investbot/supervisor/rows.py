"""Status rows: what an instance says of itself, or its files when it does not run, under what its keeper knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from investbot.control.backed_up import backed_up_at
from investbot.domain.errors import InvestBotError
from investbot.domain.states import InstanceState
from investbot.domain.times import rfc3339
from investbot.supervisor.fleet import Fleet
from investbot.supervisor.keeper import Keeper
from investbot.supervisor.processes import Usage, age_s, usage
from investbot.supervisor.vitals import figures


class Rows:
    """Builds rows; every figure of a running instance carries the age of its last heartbeat."""

    def __init__(
        self,
        fleet: Fleet,
        notices: Callable[[str], dict[str, Any] | None] = lambda _: None,
        home: Path | None = None,
    ) -> None:
        """Show `fleet`; `notices` says how the news of an instance gets out, None when it has no way.

        `home` is where the backups lie of which rows tell.
        """
        self._fleet = fleet
        self._notices = notices
        self._home = home
        self._before: dict[int, tuple[float, float]] = {}

    async def status(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Give one row an instance, in the order asked for; UnknownInstance."""
        keepers = [await self._fleet.find(name) for name in names]
        return list(await asyncio.gather(*(self._row(keeper) for keeper in keepers)))

    async def everything(self) -> list[dict[str, Any]]:
        """Give one row for each instance there is."""
        return await self.status(await self._fleet.names())

    async def stored(self, name: str) -> dict[str, Any]:
        """Give what the files of an instance say; their error as the row's `error`."""
        try:
            return await asyncio.to_thread(self._fleet.tools.outside.row, name)
        except InvestBotError as error:
            return {"name": name, "error": str(error)}

    async def top(self, names: Collection[str]) -> list[dict[str, Any]]:
        """Tell what each process takes (processor as a fraction of one core, memory in MB) and how quick it is.

        Of a single instance also the last `hour` by minutes.
        """
        rows = []
        tools = self._fleet.tools
        for name in names:
            keeper = await self._fleet.find(name)
            if keeper.process is None:
                continue
            pid, heard = keeper.process.pid, tools.hub.last(name)
            row = {"name": name, "pid": pid, "cpu_fraction": tools.hub.vitals.cpu_fraction(name)}
            row |= figures(heard.row if heard else {})
            if row["cpu_fraction"] is None or row["rss_mb"] is None:
                taken = await asyncio.to_thread(usage, pid)
                row["cpu_fraction"] = self._cpu_fraction(pid, keeper.process.start_time, taken)
                row |= {"rss_mb": taken.rss_mb, "pss_mb": taken.pss_mb} if taken else {}
            if len(names) == 1:
                row["hour"] = tools.hub.vitals.hour(name, tools.now())
            rows.append(row)
        return rows

    def _cpu_fraction(self, pid: int, began: int, taken: Usage | None) -> float | None:
        if taken is None:
            return None
        now = self._fleet.tools.now()
        at, cpu_s = self._before.get(pid, (now - age_s(began), 0.0))
        self._before[pid] = (now, taken.cpu_s)
        return round(max(0.0, taken.cpu_s - cpu_s) / (now - at), 4) if now > at else None

    async def _row(self, keeper: Keeper) -> dict[str, Any]:
        tools, life, process = self._fleet.tools, keeper.life, keeper.process
        heard = tools.hub.last(keeper.name) if life.alive else None
        row = dict(heard.row) if heard else await self.stored(keeper.name)
        error = life.error or row.get("error")
        backup_at = await asyncio.to_thread(backed_up_at, self._home, keeper.name) if self._home else None
        row |= {
            "name": keeper.name,
            "state": life.state.value,
            "uptime_s": round(age_s(process.start_time), 1) if process else None,
            "heartbeat_age_s": round(tools.now() - heard.at, 1) if heard else None,
            "pid": process.pid if process else None,
            "restarts": life.restarts,
            "error": None if life.state is InstanceState.EXITED and life.error is None else error,
            "exit_code": life.exit_code,
            "notices": self._notices(keeper.name),
            "backup_at": None if backup_at is None else rfc3339(backup_at),
        }
        if not heard or row.get("rss_mb") is None:  # a heartbeat tells it, and a hardened process hides its share
            taken = await asyncio.to_thread(usage, process.pid) if process is not None else None
            row["rss_mb"] = taken.rss_mb if taken else None
            row["pss_mb"] = taken.pss_mb if taken else None
        return row


def open_positions(row: dict[str, Any]) -> int | None:
    """Tell how many positions a row shows; None when it does not say."""
    count = row.get("open_positions")
    return count if isinstance(count, int) else None
