"""The engine: one fact in, events out. It only puts things in sequence; entries, exits, orders and risk decide.

Synchronous and deterministic: the same facts give the same events whatever host feeds them and however often it
restarts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from investbot.domain import events as e
from investbot.domain import facts as f
from investbot.domain.market import DAY, Candle, Millis, Quality
from investbot.domain.order import DONE, Fill, OrderReport
from investbot.domain.signal import Direction, Signal
from investbot.domain.states import TradingState
from investbot.engine import entries, exits, intelligence, kept, operator, orders, watch
from investbot.engine.apply import apply
from investbot.engine.spec import EngineSpec
from investbot.engine.state import EngineState, Holding
from investbot.engine.summary import summarise
from investbot.engine.track import Track
from investbot.risk.gate import RiskGate
from investbot.risk.limits import default_limits
from investbot.strategies.api import Strategy

_Other = Fill | OrderReport | f.Alert | f.Timer | f.Tick | f.Intelligence | f.IntelligenceFailed | operator.Asked


class Engine:
    """Decides for one instance. `state` is what it knows; only events change it."""

    def __init__(self, spec: EngineSpec, strategy: Strategy) -> None:
        self.spec = spec
        self.state = EngineState(dict(spec.instruments))
        self._strategy = strategy
        self._gate = RiskGate(default_limits())
        self._tracks = {symbol: Track(spec, strategy, symbol) for symbol in spec.instruments}
        self._out: list[e.Event] = []

    def apply(self, event: e.Event) -> None:
        """Take a recorded event in; used to replay a ledger."""
        apply(self.state, event)

    def begin(self, at: Millis) -> list[e.Event]:
        """Allocate the first capital; nothing when there is some already."""
        self._out = []
        if not self.state.begun:
            self._emit_all(operator.beginning(self.spec, at))
        return self._out

    def is_news(self, candle: Candle) -> bool:
        """Tell whether `candle` is later than all of its symbol seen before; repeats and stragglers are not."""
        return self._tracks[candle.symbol].is_news(candle)

    def warm(self, candle: Candle) -> None:
        """Rebuild what a candle worked on before had taught: indicators, marks, excursions. Decides nothing."""
        track = self._tracks[candle.symbol]
        if track.is_news(candle):
            track.update(candle)
            self._remember(candle, candle.at)

    def reliving(self, *, on: bool) -> None:
        """Say that `warm` goes through the past: nothing is valued or ended by its marks, and all is protected."""
        self.state.reliving = on

    def miss(self, candle: Candle) -> list[e.Event]:
        """Withdraw entries that wait for a bar which never came, when `candle` is the next there is."""
        self._out = []
        last = self._tracks[candle.symbol].last
        if last is not None and candle.opened_at > last.opened_at + last.timeframe.ms:
            self._emit_all(orders.withdrawn(self.state, candle.opened_at, "the candles have a hole", candle.symbol))
        return self._out

    def handle(self, fact: f.Fact) -> list[e.Event]:
        """Decide what `fact` leads to, apply it and return it, oldest first."""
        self._out = []
        if isinstance(fact, Candle):
            self._on_candle(fact)
        else:
            self._on_other(fact)
        return self._out

    def take(self, reports: Sequence[Fill | OrderReport]) -> list[e.Event]:
        """Handle what a venue tells in one breath: all of it is booked before anything is decided about it."""
        self._out = []
        for report in reports:
            if report.at // DAY > self.state.day:
                self._roll(report.at)
        self._on_reports(reports)
        return self._out

    def summary(self) -> dict[str, Any]:
        """Tell the engine's share of a status row: money as decimal text, moments in milliseconds UTC."""
        return summarise(self.state, self.spec)

    def propose(self, signal: e.SignalRaised) -> Any:
        """Size an entry as the gate would see it, without placing anything."""
        return entries.propose(self.state, self.spec, signal, self._tracks[signal.symbol].atr())

    def _emit(self, event: e.Event) -> None:
        apply(self.state, event)
        self._out.append(event)
        if isinstance(event, e.TradingStateChanged) and event.state is not TradingState.ACTIVE:
            self._emit_all(orders.withdrawn(self.state, event.at, self.state.reduced_by))

    def _emit_all(self, events: Iterable[e.Event]) -> None:
        for event in events:
            self._emit(event)

    # ---- candles -----------------------------------------------------------------------------------------------

    def _on_candle(self, candle: Candle) -> None:
        symbol, opened_at, state = candle.symbol, candle.opened_at, self.state
        track = self._tracks[symbol]
        if opened_at <= track.last_opened_at:
            return
        at = opened_at + candle.timeframe.ms
        if at // DAY > state.day:
            self._roll(at)
        if symbol not in state.anchors:
            self._emit(e.SeriesAnchored(at, symbol, candle.timeframe.text, opened_at))
        flaw = track.update(candle)
        if flaw is not None:
            self._emit(e.CandleFlagged(at, symbol, candle.timeframe.text, opened_at, flaw))
        if state.paused and candle.quality is not Quality.LATE:
            self._emit_all(operator.conclude(state, self.spec, f.DataFresh(at, symbol)))
        holding = self._remember(candle, at)
        if holding is not None and holding.quantity:
            self._attend(holding, candle, at)
        view = track.view
        if view.bars_seen >= track.warmup:
            view.holding = holding is not None and holding.quantity > 0
            view.outlook = intelligence.seen_by(state.heard, symbol, at)
            signal = self._strategy.evaluate(view)
            if signal is not None:
                self._on_signal(at, candle, signal, self._strategy.name)

    def _remember(self, candle: Candle, at: Millis) -> Holding | None:
        """Mark the symbol to the close and widen the extremes of what is held in it."""
        state = self.state
        state.marks[candle.symbol] = candle.close
        state.last_candle_at = at
        if not state.holdings:
            return None
        holding = state.holding_of(candle.symbol)
        if holding is not None and holding.quantity and candle.opened_at >= holding.opened_at:
            holding.high = max(holding.high, candle.high)
            holding.low = min(holding.low, candle.low)
        return holding

    def _attend(self, holding: Holding, candle: Candle, at: Millis) -> None:
        """Look after an open position at the close of its candle."""
        plan = holding.plan
        if holding.stop_refused or not (self.spec.targets_rest and self.spec.stops_rest):
            self._on_price(holding, candle.close, at)
        again = holding.stop_refused or bool(holding.closing)
        if again or plan.trailing_fraction or exits.too_old(holding, at):
            reducing = list(self.state.reducing_orders(plan.plan_id))
            instrument = self.spec.instruments[candle.symbol]
            wanted = exits.on_candle(holding, reducing, candle, instrument, self.spec.namespace)
            self._emit_all(wanted)
            if wanted or again:
                self._settle(plan.plan_id, at)
        self._watch(at)

    def _roll(self, at: Millis) -> None:
        """End the UTC day, or begin the very first one; a day whose last equity is not known yet ends later."""
        if self.state.begun:
            if self.state.is_valued:
                self._emit_all(watch.day_ended(self.state, at))
        else:
            self._emit_all(operator.beginning(self.spec, at))

    # ---- opinions ----------------------------------------------------------------------------------------------

    def _on_signal(self, at: Millis, candle: Candle, signal: Signal, source: str, alert_id: str = "") -> None:
        state = self.state
        instrument = self.spec.instruments[candle.symbol]
        signal_id = f"s{state.signals_raised + 1}"
        raised = entries.recorded(signal, signal_id, at, candle, source, instrument, alert_id)
        self._emit(raised)
        holding = state.holding_of(candle.symbol)
        flaw = entries.flawed(signal, raised)
        if flaw is not None and signal.direction is Direction.LONG:
            self._emit(flaw)
        elif signal.direction is Direction.LONG:
            track = self._tracks[candle.symbol]
            self._emit_all(entries.raised(state, self.spec, raised, track.quality, track.atr(), self._gate))
        elif holding is not None and not holding.closing:
            plan_id = holding.plan.plan_id
            self._emit(e.CloseRequested(raised.at, plan_id, candle.symbol, "opposite signal"))
            self._settle(plan_id, raised.at)

    # ---- everything else ---------------------------------------------------------------------------------------

    def _on_other(self, fact: _Other) -> None:
        if fact.at // DAY > self.state.day and self.state.begun:
            self._roll(fact.at)
        match fact:
            case Fill() | OrderReport():
                self._on_reports((fact,))
            case f.Alert():
                self._on_alert(fact)
            case f.Intelligence() | f.IntelligenceFailed():
                self._emit_all(intelligence.conclude(self.state.heard, fact))
            case f.Timer():
                self._on_timer(fact.at)
            case f.Tick():
                self._on_tick(fact)
            case _:
                self.spec = operator.terms(self.spec, fact)
                self._emit_all(operator.conclude(self.state, self.spec, fact))
                for holding in list(self.state.holdings.values()):
                    # A stop that was refused is asked for again at the next candle: not as often as one compares.
                    if holding.closing or not (holding.stop_refused and isinstance(fact, f.Reconciled)):
                        self._settle(holding.plan.plan_id, fact.at)
                self._watch(fact.at)

    def _on_reports(self, reports: Sequence[Fill | OrderReport]) -> None:
        touched: dict[str, Millis] = {}
        for report in reports:
            plan_id = self._on_fill(report) if isinstance(report, Fill) else self._on_report(report)
            if plan_id is not None:
                touched[plan_id] = report.at
        for plan_id, at in touched.items():
            self._settle(plan_id, at)

    def _on_fill(self, fill: Fill) -> str | None:
        """Book a fill; give the plan it belongs to, None when it is not news."""
        event = orders.filled(self.state, fill, self.spec.instruments[fill.symbol], self.spec.costs)
        if event is None:
            return None
        first = not self.state.holdings[event.plan_id].bought
        self._emit(event)
        if first:
            self._emit(e.PositionOpened(fill.at, event.plan_id, fill.symbol))
        return event.plan_id

    def _on_report(self, report: OrderReport) -> str | None:
        """Note what became of an order; give its plan where that needs attention now."""
        event = orders.changed(self.state, report)
        if event is None:
            return None
        plan_id = orders.plan_of(self.state, report.order_id)
        self._emit(event)
        self._emit_all(orders.taken_up(self.state, event, self.spec.risk.max_open_positions))
        return plan_id if event.state in DONE and not orders.is_refusal(event) else None

    def _on_alert(self, alert: f.Alert) -> None:
        if alert.alert_id in self.state.alerts_taken:
            return
        candle = self._tracks[alert.symbol].last if alert.symbol in self._tracks else None
        if candle is None:
            why = f"There is no candle of {alert.symbol} to judge the alert by."
            self._emit(e.RequestRefused(alert.at, "alert", why))
        else:
            self._on_signal(alert.at, candle, alert.signal, alert.source, alert.alert_id)

    def _on_tick(self, tick: f.Tick) -> None:
        holding = self.state.holding_of(tick.symbol)
        if holding is not None and holding.quantity:
            self.state.marks[tick.symbol] = tick.price
            self._on_price(holding, tick.price, tick.at)
            self._watch(tick.at)

    def _on_price(self, holding: Holding, price: Decimal, at: Millis) -> None:
        """Act on the barriers that the instance keeps itself."""
        reached = kept.on_mark(holding, price, self.spec, at)
        if reached is not None:
            self._emit(reached)
            self._settle(holding.plan.plan_id, at)

    def _on_timer(self, at: Millis) -> None:
        for holding in list(self.state.holdings.values()):
            if exits.too_old(holding, at):
                plan = holding.plan
                self._emit(e.CloseRequested(at, plan.plan_id, plan.symbol, "age"))
                self._settle(plan.plan_id, at)

    def _settle(self, plan_id: str, at: Millis) -> None:
        """Bring the orders of a plan in line with what is held."""
        state = self.state
        holding = state.holdings.get(plan_id)
        if holding is None:  # its entry ended without a fill, which may have been the last thing to wait for
            self._watch(at)
            return
        reducing = list(state.reducing_orders(plan_id))
        entry = state.entry_order(holding)
        if state.reliving and not self.spec.instruments[holding.plan.symbol].quantity_down(holding.quantity):
            return
        self._emit_all(exits.step(holding, reducing, entry, self.spec, at))
        if plan_id not in state.holdings:
            self._watch(at)

    def _watch(self, at: Millis) -> None:
        if not watch.is_quiet(self.state) and self.state.is_valued:
            self._emit_all(watch.equity_moved(self.state, self.spec.risk, at))
