"""Verbs that reach into a running instance: pause, resume, flatten, panic, close, size, allocate, configure."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from typing import Any, Literal

from investbot.control.messages import (
    AllocateArgs,
    CloseArgs,
    ConfigureArgs,
    InstanceRequest,
    IntelligenceArgs,
    PanicArgs,
    SizeArgs,
    WaitArgs,
)
from investbot.domain.errors import DataError, InvestBotError, TryAgain, UsageError
from investbot.domain.states import InstanceState
from investbot.supervisor import capital
from investbot.supervisor.cooldown import Cooldown
from investbot.supervisor.fleet import Fleet
from investbot.supervisor.lines import Line, each, good
from investbot.supervisor.rows import Rows, open_positions

_ANSWER_S = 15.0


class Trading:
    """Hands an operator's wishes to the instances; the engine of each decides like for any other fact."""

    def __init__(self, fleet: Fleet, rows: Rows, cooldown: Cooldown) -> None:
        """Act on `fleet`."""
        self._fleet = fleet
        self._rows = rows
        self._cooldown = cooldown

    async def wish(self, action: Literal["pause", "resume"], names: list[str], by: str) -> list[Line]:
        """Pause or resume entries; exits go on all the time."""

        async def one(name: str) -> Line:
            await self._ask(name, InstanceRequest(action=action, by=by))
            return good(name, "entries paused, exits go on" if action == "pause" else "resumed")

        return await each(names, one)

    async def flatten(self, names: list[str], args: WaitArgs | PanicArgs, *, verb: str = "flatten") -> list[Line]:
        """Cancel orders, sell to cash and prove that nothing is left."""
        if verb == "panic":
            self._cooldown.take("panic", "", self._fleet.tools.now())

        async def one(name: str) -> Line:
            if verb == "flatten":
                self._cooldown.take("flatten", name, self._fleet.tools.now())
            return await self._flatten(name, args)

        return await each(names, one)

    async def close(self, args: CloseArgs) -> Any:
        """Close one position at the market; give what the instance answers."""
        await self._running(args.name)
        what = f"{args.symbol} of {args.name}"
        self._cooldown.take("close", what, self._fleet.tools.now())
        try:
            return await self._ask(args.name, InstanceRequest(action="close", symbol=args.symbol, by=args.by))
        except (DataError, UsageError):  # refused: what has no answer may yet be done
            self._cooldown.give_back("close", what)
            raise

    async def size(self, args: SizeArgs) -> Any:
        """Give the quantity that the rules allow for a stop at this price."""
        request = InstanceRequest(action="size", symbol=args.symbol, stop=args.stop, by=args.by)
        return await self._ask(args.name, request)

    async def tell(self, args: IntelligenceArgs) -> Any:
        """Tell an instance what the world outside thinks; give the events that it led to."""
        return await self._ask(args.name, InstanceRequest(action="intelligence", items=args.items, by=args.by))

    async def allocate(self, args: AllocateArgs) -> Line:
        """Change an allocation: the running instance first, for it may refuse, then its configuration."""
        outside = self._fleet.tools.outside
        keeper = await self._fleet.find(args.name)
        amount = Decimal(args.amount)
        others = [name for name in await self._fleet.names() if name != args.name]
        recipes = await asyncio.gather(*(asyncio.to_thread(outside.recipe, name) for name in others))
        figures = {name: recipe.capital for name, recipe in zip(others, recipes, strict=True)}
        capital.allocate(args.name, amount, figures, await asyncio.to_thread(outside.fleet_capital))
        await asyncio.to_thread(outside.afford, args.name, amount)
        if keeper.life.alive:
            await self._ask(args.name, InstanceRequest(action="allocate", amount=args.amount, by=args.by))
        await asyncio.to_thread(outside.allocate, args.name, amount)
        recipe = await asyncio.to_thread(outside.recipe, args.name)
        if keeper.life.alive and not recipe.live:
            with contextlib.suppress(InvestBotError):  # it takes that version in at its next start then
                await self._ask(args.name, InstanceRequest(action="configure", by=args.by))
        return good(args.name, f"capital is now {args.amount}", capital=args.amount)

    async def configure(self, args: ConfigureArgs) -> Line:
        """Let an instance take in its newest settings; say which keys it took in and which wait for its next start."""
        keeper = await self._fleet.find(args.name)
        recipe = await asyncio.to_thread(self._fleet.tools.outside.recipe, args.name)
        keeper.policy = recipe.restart
        told: dict[str, Any] = {"applied": [], "waiting": []}
        if not keeper.life.alive:
            return good(args.name, "does not run", running=False, **told)
        if recipe.live and not args.yes:
            return good(args.name, "trades real money, and nobody confirmed it", running=True, **told)
        answer = await self._ask(args.name, InstanceRequest(action="configure", by=args.by))
        told = {key: answer[key] for key in ("version", "applied", "waiting")}
        return good(args.name, f"{len(told['applied'])} changes taken in", running=True, **told)

    async def _ask(self, name: str, request: InstanceRequest, timeout_s: float = _ANSWER_S) -> Any:
        await self._running(name)
        return await self._fleet.tools.hub.ask(name, request, timeout_s)

    async def _running(self, name: str) -> None:
        """Refuse what only a running instance can do; UnknownInstance, TryAgain."""
        keeper = await self._fleet.find(name)
        if not keeper.life.alive:
            raise TryAgain(f"{name} is {keeper.life.state.value}; start it first with `investbot start {name}`.")

    async def _flatten(self, name: str, args: WaitArgs | PanicArgs) -> Line:
        keeper = await self._fleet.find(name)
        await keeper.until(lambda life: life.state is not InstanceState.STARTING, args.timeout_s)
        if not keeper.life.alive:
            row = await self._rows.stored(name)
            if open_positions(row) != 0:
                row = await asyncio.to_thread(self._fleet.tools.outside.flatten, name)
            return _proof(name, row)
        answer = await self._ask(name, InstanceRequest(action="flatten", by=args.by), args.timeout_s)
        hub = self._fleet.tools.hub
        await hub.until(name, lambda row: open_positions(row) == 0, args.timeout_s)
        heard = hub.last(name)
        row = heard.row if heard and keeper.life.alive else await self._rows.stored(name)
        if open_positions(row) == 0:
            await asyncio.to_thread(self._fleet.tools.outside.prove_flat, name)
        return _proof(name, row | {"dust": answer.get("dust")} if isinstance(answer, dict) else row)


def _proof(name: str, row: dict[str, Any]) -> Line:
    """Say whether an instance is flat; less than one lot cannot be sold and counts as flat."""
    left, dust = open_positions(row), row.get("dust") or {}
    more = {"open_positions": left, "dust": dust}
    if left == 0:
        return good(name, "flat" if not dust else f"flat; less than one lot is left of {', '.join(dust)}", **more)
    what = "does not say what it holds" if left is None else f"still holds {left} position{'s' if left > 1 else ''}"
    message = f"{name} {what}; look with `investbot positions {name}` and flatten again."
    return {"name": name, "ok": False, "exit_code": TryAgain.exit_code, "message": message, **more}
