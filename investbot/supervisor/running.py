"""Verbs that start and stop processes: start, stop, restart, down."""

from __future__ import annotations

import asyncio
from typing import Any

from investbot.control.messages import StartArgs
from investbot.domain.errors import UsageError
from investbot.domain.states import InstanceState
from investbot.supervisor import capital
from investbot.supervisor import lifecycle as lc
from investbot.supervisor.cooldown import Cooldown
from investbot.supervisor.fleet import Fleet
from investbot.supervisor.keeper import Keeper
from investbot.supervisor.lines import Line, each, exit_of, good
from investbot.supervisor.outside import Recipe
from investbot.supervisor.rows import Rows, open_positions
from investbot.supervisor.warden import Warden

_MARGIN_S = 30.0
_GONE = frozenset({InstanceState.STOPPED, InstanceState.EXITED, InstanceState.FATAL})


class Running:
    """Starts and stops; each name gets a line of its own."""

    def __init__(self, fleet: Fleet, rows: Rows, cooldown: Cooldown, warden: Warden) -> None:
        """Act on `fleet`; `warden` says whether one more may run."""
        self._fleet = fleet
        self._warden = warden
        self._rows = rows
        self._cooldown = cooldown
        self._allocating = asyncio.Lock()

    async def start(self, names: list[str], args: StartArgs) -> list[Line]:
        """Start and wait until each is RUNNING, has ended well, or has failed."""
        return await each(names, lambda name: self._start(name, args))

    async def stop(self, names: list[str]) -> list[Line]:
        """Stop and wait until the processes are gone; say what each left open."""

        async def one(name: str) -> Line:
            line = await self._stop(name)
            self._fleet.remember(name, restore=False)
            await self._fleet.save()
            return line

        return await each(names, one)

    async def restart(self, names: list[str]) -> list[Line]:
        """Stop, start again and wait as `start` does."""
        return await each(names, self._restart)

    async def down(self) -> list[Line]:
        """Stop all that runs or would run again, all at once; `up` can restore them."""
        chosen = self._fleet.allocated()
        for name, keeper in self._fleet.keepers.items():
            if name in chosen or keeper.life.state is not InstanceState.STOPPED:
                self._fleet.remember(name, restore=name in chosen)
        return await each(chosen, self._stop)

    async def _start(self, name: str, args: StartArgs) -> Line:
        keeper = await self._fleet.called(name)
        if keeper.life.state is InstanceState.RUNNING:
            await self._fleet.save()
            return good(name, "already running", state=keeper.life.state.value)
        recipe = await asyncio.to_thread(self._fleet.tools.outside.recipe, name)
        if recipe.live:
            _demand_yes(name, recipe, confirmed=args.yes)
            self._cooldown.take("start", name, self._fleet.tools.now())
        if recipe.at_venue:
            outside = self._fleet.tools.outside
            await asyncio.to_thread(outside.admit, name, args.by, accept_withdrawals=args.accept_withdrawals)
        async with self._allocating:
            others = [other for other in self._fleet.allocated() if other != name]
            await self._warden.admit(name, others, is_live=recipe.live)
            await self._check_capital(name)
            keeper.tell(lc.StartAsked())
        await self._fleet.save()
        return await self._settled(keeper)

    async def _check_capital(self, name: str) -> None:
        """Refuse what would run on money that others run on already; ConfigError."""
        outside = self._fleet.tools.outside
        fleet_capital = await asyncio.to_thread(outside.fleet_capital)
        if fleet_capital is None:
            return
        running = [other for other in self._fleet.allocated() if other != name]
        recipes = await asyncio.gather(*(asyncio.to_thread(outside.recipe, other) for other in [*running, name]))
        figures = {other: recipe.capital for other, recipe in zip([*running, name], recipes, strict=True)}
        own = figures.pop(name)
        capital.allocate(name, own, figures, fleet_capital)

    async def _restart(self, name: str) -> Line:
        keeper = await self._fleet.find(name)
        recipe = await asyncio.to_thread(self._fleet.tools.outside.recipe, name)
        if not keeper.life.alive:
            return await self._start(name, StartArgs())
        _demand_yes(name, recipe, confirmed=False)
        keeper.tell(lc.RestartAsked())
        await self._fleet.save()
        return await self._settled(keeper)

    async def _settled(self, keeper: Keeper) -> Line:
        patience = self._fleet.tools.patience
        moving = {InstanceState.STARTING, InstanceState.STOPPING}
        await keeper.until(lambda life: life.state not in moving, patience.start_s + patience.stop_s + _MARGIN_S)
        await self._fleet.save()
        life = keeper.life
        match life.state:
            case InstanceState.RUNNING:
                return good(keeper.name, "running", state=life.state.value)
            case InstanceState.EXITED:
                return good(keeper.name, "finished: its candles have come to an end", state=life.state.value)
            case InstanceState.BACKOFF | InstanceState.FATAL:
                code, message = exit_of(life.exit_code), life.error or "It did not start."
            case _:
                code, message = 75, f"{keeper.name} is {life.state.value}; see `investbot logs {keeper.name}`."
        return {"name": keeper.name, "ok": False, "exit_code": code, "message": message, "state": life.state.value}

    async def _stop(self, name: str) -> Line:
        keeper = await self._fleet.called(name)
        was = keeper.life.state
        if was in {InstanceState.STOPPED, InstanceState.EXITED}:
            return good(name, f"not running ({was.value})", state=was.value)
        keeper.tell(lc.StopAsked())
        await self._fleet.save()
        patience = self._fleet.tools.patience
        if not await keeper.until(lambda life: life.state in _GONE, patience.stop_s + patience.abort_s + _MARGIN_S):
            message = f"{name} does not go away even when killed; see `investbot doctor`."
            return {"name": name, "ok": False, "exit_code": 75, "message": message, "state": keeper.life.state.value}
        await self._fleet.save()
        return await self._left(keeper)

    async def _left(self, keeper: Keeper) -> Line:
        """Say what a stopped instance holds and what protects it now."""
        row = await self._rows.stored(keeper.name)
        more: dict[str, Any] = {"state": keeper.life.state.value, "open_positions": open_positions(row)}
        count = more["open_positions"]
        how = "stopped" if keeper.life.error is None else f"stopped (exit code {keeper.life.exit_code})"
        if not count:
            return good(keeper.name, how, **more)
        plural = "position stays" if count == 1 else "positions stay"
        more["protection"] = row.get("protection") or []
        if row.get("mode") in {"live", "sandbox"}:
            guarded = "; ".join(_guarded(keeper.name, row, each) for each in more["protection"])
        else:
            guarded = "its stops are in the ledger and act on every candle it missed when it is started again"
        return good(keeper.name, f"{how}; {count} {plural} open: {guarded}", **more)


def _demand_yes(name: str, recipe: Recipe, *, confirmed: bool) -> None:
    """Refuse real money that nobody has allowed this version of the settings; UsageError."""
    if recipe.live and not (confirmed or recipe.confirmed):
        raise UsageError(f"{name} trades real money; to start it say `investbot start {name} --yes`.")


def _guarded(name: str, row: dict[str, Any], each: dict[str, Any]) -> str:
    """Say how one position at a venue is protected while nobody runs its instance."""
    what = f"{each['quantity']} {each['symbol']}"
    if each["kept"] == "venue":
        return (
            f"{what} is protected by the stop {each['stop_price']} at {row['venue']} (order {each['venue_order_id']})"
        )
    return f"{what} is NOT protected until `investbot start {name}`, or `investbot flatten {name}` to sell it"
