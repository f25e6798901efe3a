"""What operators ask of a running instance: turned into facts, answered from the events they lead to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from investbot.control.messages import InstanceRequest
from investbot.control.rows import event_row
from investbot.domain.codec import encode
from investbot.domain.errors import ConfigError, DataError, InvestBotError, TryAgain, UsageError
from investbot.domain.events import Event, RequestRefused, SignalRaised
from investbot.domain.facts import Action, Intelligence, OperatorRequest
from investbot.domain.intelligence import read_item
from investbot.domain.market import Millis
from investbot.domain.signal import Direction
from investbot.engine import entries
from investbot.engine.engine import Engine
from investbot.engine.state import EngineState
from investbot.instance.host import FactAt

ACTIONS = {action.value: action for action in Action}
"""The requests that become facts; the others are answered at once."""
_REFUSALS: dict[str, type[InvestBotError]] = {Action.ALLOCATE: ConfigError, Action.CLOSE: DataError}
"""What asking again would not change."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request on its way through the inbox, and who waits for the answer."""

    request: InstanceRequest
    answer: asyncio.Future[Any]
    fact_at: FactAt | None = None
    """Makes the fact of a request that does not say all of it."""

    def refuse(self, error: InvestBotError) -> None:
        """Tell whoever waits that nothing came of it."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def grant(self, result: Any) -> None:
        """Give the answer to whoever waits."""
        if not self.answer.done():
            self.answer.set_result(result)


def as_fact(request: InstanceRequest, at: Millis) -> OperatorRequest:
    """Turn a request into the fact that the engine knows; `at` in milliseconds UTC."""
    amount = None if request.amount is None else Decimal(request.amount)
    cause = request.cause or "operator"
    return OperatorRequest(at, ACTIONS[request.action], request.symbol, amount, request.by, cause)


def from_outside(request: InstanceRequest) -> FactAt | None:
    """Give the fact of a request that tells of the world outside, None for any other; DataError for no item."""
    if request.action != "intelligence":
        return None
    items = tuple(map(read_item, request.items or ()))
    return lambda at: Intelligence(at, items)


def check(request: InstanceRequest, symbols: Sequence[str], name: str) -> None:
    """Refuse what cannot be asked: UsageError without the words it needs, DataError for a symbol not traded here."""
    wanted = {"close": ("symbol",), "size": ("symbol", "stop"), "allocate": ("amount",)}.get(request.action, ())
    for word in wanted:
        if getattr(request, word) is None:
            raise UsageError(f"The request {request.action!r} lacks its {word}.")
    if request.symbol is not None and request.symbol not in symbols:
        raise DataError(f"{name} does not trade {request.symbol}; it trades {', '.join(symbols)}.")


def refusal(events: Sequence[Event]) -> InvestBotError | None:
    """Give the engine's own refusal among the events of a request, if there is one."""
    for event in events:
        if isinstance(event, RequestRefused):
            return _REFUSALS.get(event.action, TryAgain)(event.reason)
    return None


def is_settled(request: InstanceRequest, state: EngineState) -> bool:
    """Tell whether what was asked for has come true: flat for flatten and close, at once for the rest."""
    if request.action == "flatten":
        return not state.holdings
    if request.action == "close":
        return state.holding_of(request.symbol or "") is None
    return True


def answer(request: InstanceRequest, state: EngineState, told: Sequence[tuple[int, Event]]) -> dict[str, Any]:
    """Say what came of a request: the events it led to (with their seq) and how things stand now."""
    result: dict[str, Any] = {
        "action": request.action,
        "trading_state": state.trading_state.value,
        "paused": dict(state.paused),
        "capital": encode(state.capital),
        "cash": encode(state.cash),
        "events": [event_row(seq, event) for seq, event in told],
    }
    if request.action in {"flatten", "close"}:
        result["flat"] = is_settled(request, state)
        result["dust"] = {symbol: encode(left) for symbol, left in state.dust.items() if left}
    return result


def size(engine: Engine, request: InstanceRequest) -> dict[str, Any]:
    """Say what the rules allow to be bought at the last close with this stop, as the gate would see it.

    DataError without a candle yet, and with the rule's own words when nothing may be bought.
    """
    symbol, stop = request.symbol or "", Decimal(request.stop or 0)
    state, spec = engine.state, engine.spec
    price = state.marks.get(symbol)
    if price is None:
        raise DataError(f"There is no candle of {symbol} yet; ask again when one has closed.")
    if not 0 < stop < price:
        raise UsageError(f"The stop {stop} must lie between 0 and the last price, which is {price}.")
    at, frame = state.last_candle_at, spec.timeframe.text
    bar = (at, price, price, price, price, 0.0)
    opinion = SignalRaised(
        at, "size", symbol, frame, "operator", Direction.LONG, 1.0, price, stop, (), "asked by an operator", bar
    )
    own_stop = replace(spec, exits=replace(spec.exits, stop_structure=True))
    sized: Any = entries.propose(state, own_stop, opinion, None)  # risk's own words, which hosts do not import
    if not hasattr(sized, "quantity"):
        raise DataError(sized.reason)
    costs = sized.notional * 2 * spec.costs.taker_fee
    return {
        "symbol": symbol,
        "price": encode(price),
        "stop": encode(sized.stop),
        "asked_stop": encode(stop),
        "quantity": encode(sized.quantity),
        "notional": encode(sized.notional),
        "risk": encode(sized.worst_loss),
        "reward": encode(sized.net_reward),
        "costs": encode(costs),
        "targets": [[encode(distance), encode(part)] for distance, part in sized.targets],
    }
