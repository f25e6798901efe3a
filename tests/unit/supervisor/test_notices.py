from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from investbot.domain import events as e
from investbot.domain.market import MINUTE
from investbot.domain.order import Order, OrderState, OrderType, Role, Side
from investbot.domain.position import ExitPlan, RoundTrip
from investbot.domain.signal import Direction
from investbot.domain.states import TradingState
from investbot.ports.ledger import Recorded
from investbot.ports.notifier import Kind, Notice, Tone, Weight
from investbot.supervisor import notices
from investbot.supervisor.entry_notice import entry_notice
from investbot.supervisor.notices import CROWD, Subject, of_events, wanted
from investbot.supervisor.wording import plain, signed, span

AT = 1_767_355_445_000
ALL = Subject("alpha", "paper", frozenset(Kind))
CANDLE = (AT, Decimal(1), Decimal(1), Decimal(1), Decimal(1), 1.0)
SIGNAL = e.SignalRaised(
    AT,
    "s2",
    "BTC/USDT",
    "5m",
    "ma_cross",
    Direction.LONG,
    0.5,
    Decimal("64365.58"),
    None,
    (),
    "EMA(9) crossed.",
    CANDLE,
)
PLAN = ExitPlan(
    "1",
    "BTC/USDT",
    "s2",
    Decimal("0.01"),
    ((Decimal("0.02"), Decimal("0.5")), (Decimal("0.03"), Decimal("0.5"))),
    Decimal(0),
    0,
    Decimal("0.10643"),
)
ENTRY = Order(
    "1-entry-1",
    "ib1",
    "1",
    AT,
    "BTC/USDT",
    Side.BUY,
    OrderType.LIMIT,
    Role.ENTRY,
    Decimal("0.00015"),
    "r",
    Decimal(64494),
)
STOP = replace(
    ENTRY,
    order_id="1-stop-2",
    side=Side.SELL,
    type=OrderType.STOP,
    role=Role.STOP,
    price=None,
    stop_price=Decimal("63753.80"),
)
FILL = e.OrderFilled(
    AT,
    "1-entry-1",
    "1",
    "t1",
    "BTC/USDT",
    Side.BUY,
    Decimal("64397.77"),
    Decimal("0.00015"),
    Decimal("0.00965967"),
    "USDT",
    Decimal("0.00965967"),
    False,
)
OPENED = e.PositionOpened(AT, "1", "BTC/USDT")
TRIP = RoundTrip(
    "1",
    AT,
    AT + 95 * MINUTE,
    "BTC/USDT",
    Decimal("0.00015"),
    Decimal("64397.77"),
    Decimal("63984.11"),
    Decimal("0.01925729"),
    Decimal("-0.08130629"),
    Decimal("-0.160315"),
    Decimal("0.007"),
    Decimal(0),
    "opposite signal",
    False,
)
STORY = (SIGNAL, e.PlanMade(AT, PLAN), e.OrderPlaced(AT, ENTRY), FILL, OPENED, e.OrderPlaced(AT, STOP))


def ledger(*events: e.Event) -> list[Recorded]:
    return [Recorded(seq, event) for seq, event in enumerate(events, 1)]


def told(*events: e.Event, subject: Subject = ALL) -> list[Notice]:
    recorded = ledger(*events)
    return of_events(subject, recorded, recorded)


def one(*events: e.Event, subject: Subject = ALL) -> Notice:
    (notice,) = told(*events, subject=subject)
    return notice


TRADES = replace(ALL, kinds=frozenset({Kind.TRADES}))


def test_an_entry_tells_all_its_figures() -> None:
    notice = one(*STORY, subject=TRADES)
    assert notice.title == "LONG BTC/USDT 5m"
    assert (notice.kind, notice.tone, notice.at) == (Kind.TRADES, Tone.LONG, AT)
    assert (notice.name, notice.mode, notice.key) == ("alpha", "paper", "alpha#5")
    assert notice.text == "EMA(9) crossed."
    assert notice.fields == (
        ("Entry", "64397.77"),
        ("SL", "63753.8"),
        ("TP1", "65685.72 (50 %)"),
        ("TP2", "66329.7 (50 %)"),
        ("Confidence", "50%"),
        ("R:R", "2.09 net (2.50 before costs)"),
        ("Size", "0.00015 (9.66 USDT)"),
        ("Risk at the stop", "0.1064 USDT"),
        ("From", "ma_cross"),
    )


def test_net_reward_over_risk_is_worked_out_from_fees() -> None:
    # 0.025 - 0.001 * (2 + 0.025) = 0.022975 over 0.10643 / (0.00015 * 64494) = 0.011001
    assert Decimal("0.022975") / (Decimal("0.10643") / (Decimal("0.00015") * 64494)) == pytest.approx(
        Decimal("2.09"), abs=Decimal("0.005")
    )


def test_the_fee_of_what_is_sold_grows_with_its_price() -> None:
    dear = [replace(FILL, fee_quote=FILL.price * FILL.quantity / 10) if each is FILL else each for each in STORY]
    # 0.025 - 0.1 * (2 + 0.025) = -0.1775, over 0.011001
    assert dict(one(*dear, subject=TRADES).fields)["R:R"] == "-16.13 net (2.50 before costs)"


def test_a_fee_in_base_counts_as_one_in_quote_does() -> None:
    in_base = replace(FILL, fee=Decimal("0.00000015"), fee_currency="BTC", fee_quote=Decimal(0))
    other = [in_base if each is FILL else each for each in STORY]
    assert dict(one(*other, subject=TRADES).fields)["R:R"] == "2.09 net (2.50 before costs)"
    free = [
        replace(FILL, fee=Decimal(1), fee_currency="BNB", fee_quote=Decimal(0)) if each is FILL else each
        for each in STORY
    ]
    assert dict(one(*free, subject=TRADES).fields)["R:R"] == "2.27 net (2.50 before costs)"


def test_an_entry_in_pieces_has_its_average_and_placed_targets_their_prices() -> None:
    more = replace(FILL, trade_id="t2", price=Decimal("64400.77"), quantity=Decimal("0.00015"))
    target = replace(ENTRY, order_id="1-target-3", side=Side.SELL, role=Role.TARGET, price=Decimal("70000.10"))
    single = replace(PLAN, ladder=((Decimal("0.02"), Decimal(1)),))
    events = (SIGNAL, e.PlanMade(AT, single), e.OrderPlaced(AT, ENTRY), FILL, OPENED, more, e.OrderPlaced(AT, target))
    fields = dict(one(*events, subject=TRADES).fields)
    assert fields["Entry"] == "64399.27"
    assert fields["SL"] == "63755.28"  # worked out, rounded so that it is not below the plan's distance
    assert fields["TP"] == "70000.1"
    assert fields["Size"] == "0.0003 (19.32 USDT)"


def test_what_is_not_known_of_an_entry_is_left_out() -> None:
    bare = entry_notice(OPENED, [])
    assert (bare.title, bare.fields, bare.text) == ("LONG BTC/USDT", (), "")
    other = replace(PLAN, plan_id="2")
    mixed = ledger(replace(SIGNAL, signal_id="s9"), e.PlanMade(AT, other), replace(FILL, plan_id="2"), OPENED)
    assert entry_notice(OPENED, mixed).fields == ()
    no_order = ledger(SIGNAL, e.PlanMade(AT, PLAN), FILL, OPENED)
    assert dict(entry_notice(OPENED, no_order).fields)["R:R"] == "2.50 before costs"
    only_fill = ledger(FILL, OPENED, e.OrderPlaced(AT, STOP))
    assert [name for name, _ in entry_notice(OPENED, only_fill).fields] == ["Entry", "SL", "Size"]


def test_whole_prices_stay_whole() -> None:
    whole = replace(FILL, price=Decimal("1E+2"), quantity=Decimal(1), fee_quote=Decimal(0))
    fields = dict(entry_notice(OPENED, ledger(e.PlanMade(AT, PLAN), whole, OPENED)).fields)
    assert fields["Entry"] == "100"
    assert fields["SL"] == "99"


def test_an_exit_tells_its_net_result_and_r() -> None:
    lost = one(e.PositionClosed(AT, TRIP))
    assert lost.title == "CLOSED BTC/USDT -0.08130629 USDT (-0.16 R)"
    assert lost.tone is Tone.LOSS
    assert lost.fields == (
        ("Net result", "-0.08130629 USDT"),
        ("R", "-0.16 R"),
        ("Entry", "64397.77"),
        ("Exit", "63984.11"),
        ("Quantity", "0.00015"),
        ("Costs", "0.01925729 USDT"),
        ("Why", "opposite signal"),
        ("Held", "1 h 35 min"),
    )
    won = one(e.PositionClosed(AT, replace(TRIP, net_pnl=Decimal("1.50"), r=Decimal("1.2"), gapped=True)))
    assert won.title == "CLOSED BTC/USDT +1.5 USDT (+1.2 R)"
    assert won.tone is Tone.GAIN
    assert dict(won.fields)["Why"] == "opposite signal, the market jumped over the stop"


def test_a_signal_tells_its_levels() -> None:
    notice = one(replace(SIGNAL, direction=Direction.SHORT, stop=Decimal(10), targets=(Decimal("8.0"), Decimal(7))))
    assert (notice.title, notice.tone) == ("SIGNAL SHORT BTC/USDT 5m", Tone.SHORT)
    assert dict(notice.fields) == {
        "Price": "64365.58",
        "Confidence": "50%",
        "From": "ma_cross",
        "SL": "10",
        "TP1": "8",
        "TP2": "7",
    }


def state(to: TradingState, reason: str) -> Notice:
    return one(e.TradingStateChanged(AT, to, reason), subject=replace(ALL, kinds=frozenset({Kind.LIMITS})))


def test_limits_and_trading_states_are_told_with_what_to_do() -> None:
    daily = state(TradingState.REDUCING, "daily_loss: equity 97 is at or below 97")
    assert (daily.title, daily.weight) == ("Limit breached: daily loss; trading is REDUCING", Weight.GRAVE)
    assert daily.text.startswith("equity 97 is at or below 97")
    halted = state(TradingState.HALTED, "drawdown: flat; resume once you have looked into it")
    assert (halted.title, halted.weight) == ("Trading is HALTED: drawdown", Weight.ALARM)
    assert "`investbot resume alpha`" in halted.text
    differs = state(TradingState.REDUCING, "reconcile: BTC/USDT: 1 here, 2 there.")
    assert (differs.weight, differs.tone) == (Weight.ALARM, Tone.ALARM)
    assert "BTC/USDT: 1 here, 2 there." in differs.text
    assert "investbot doctor" in differs.text
    active = state(TradingState.ACTIVE, "new_day: a new UTC day began")
    assert (active.title, active.weight) == ("Trading is ACTIVE again", Weight.LIGHT)


@pytest.mark.parametrize(
    "reason",
    [
        "binance does not accept the key: run investbot keys check alpha",
        "kraken refuses the request as not allowed (403).",
        "binance needs apiKey: run investbot keys set.",
    ],
)
def test_a_revoked_key_is_an_alarm_whatever_was_chosen(reason: str) -> None:
    few = replace(ALL, kinds=frozenset({Kind.DAILY}))
    notice = one(e.EntriesPaused(AT, "venue", reason), subject=few)
    assert (notice.title, notice.weight) == ("The venue refuses the key", Weight.ALARM)
    assert "`investbot keys set alpha`" in notice.text
    assert reason in notice.text
    assert told(e.EntriesPaused(AT, "venue", reason), subject=replace(ALL, kinds=frozenset())) == []


def test_pauses_are_told_by_their_cause() -> None:
    by_hand = one(e.EntriesPaused(AT, "operator", "paused by ana"))
    assert (by_hand.kind, by_hand.weight) == (Kind.LIMITS, Weight.LIGHT)
    assert told(e.EntriesPaused(AT, "fleet:daily_loss", "x"), e.EntriesResumed(AT, "fleet:daily_loss")) == []
    stale = one(e.EntriesPaused(AT, "stale:BTC/USDT", "no candle"))
    assert (stale.kind, stale.title) == (Kind.ERRORS, "Entries paused: stale BTC/USDT")
    over = one(e.EntriesResumed(AT, "stale:BTC/USDT"))
    assert (over.kind, over.topic) == (Kind.ERRORS, stale.topic)
    assert one(e.EntriesResumed(AT, "operator")).kind is Kind.LIMITS


def test_every_change_of_an_order_is_told_where_that_was_chosen() -> None:
    orders = replace(ALL, kinds=frozenset({Kind.ORDERS}))
    titles = [
        notice.title
        for notice in told(
            e.OrderPlaced(AT, ENTRY), e.OrderChanged(AT, "1-entry-1", OrderState.SENT, None, ""), FILL, subject=orders
        )
    ]
    assert titles == [
        "ORDER 1-entry-1: entry buy BTC/USDT INTENDED",
        "ORDER 1-entry-1: SENT",
        "ORDER 1-entry-1: BTC/USDT filled",
    ]
    refused = e.OrderChanged(AT, "1-stop-2", OrderState.REJECTED, None, "would trigger")
    errors = replace(ALL, kinds=frozenset({Kind.ERRORS}))
    notice = one(refused, e.OrderChanged(AT, "1-exit-2", OrderState.REJECTED, None, "x"), subject=errors)
    assert notice.title == "The venue refused a stop"
    assert "would trigger" in notice.text


def test_refusals_and_wrong_candles_are_errors() -> None:
    assert one(e.RequestRefused(AT, "close", "Nothing is held.")).title == "close was refused"
    flagged = one(e.CandleFlagged(AT, "BTC/USDT", "5m", AT, "a spike"))
    assert (flagged.title, flagged.topic) == ("A candle of BTC/USDT looks wrong", "alpha:candle")


def test_what_nobody_asked_about_is_not_told() -> None:
    assert told(e.PeakRaised(AT, Decimal(1)), e.DustLeft(AT, "BTC/USDT", Decimal(1))) == []
    assert told(*STORY, e.PositionClosed(AT, TRIP), subject=replace(ALL, kinds=frozenset({Kind.DAILY}))) == []


def test_only_the_events_that_are_told_of_are_read() -> None:
    assert wanted(frozenset()) == ()
    assert wanted(frozenset({Kind.DAILY})) == ("EntriesPaused", "TradingStateChanged")
    assert {"PositionOpened", "PositionClosed"} <= set(wanted(frozenset({Kind.TRADES})))
    for kinds in notices.TOLD.values():
        assert all(hasattr(e, kind) for kind in kinds)


def test_a_crowd_of_trades_becomes_one_notice_and_hides_nothing_else() -> None:
    won = replace(TRIP, net_pnl=Decimal(3))
    trades = [e.PositionClosed(AT, TRIP if number % 2 else won) for number in range(CROWD + 1)]
    breach = e.TradingStateChanged(AT, TradingState.REDUCING, "daily_loss: x")
    many = told(OPENED, *trades, breach)
    assert [notice.title for notice in many] == [
        "1 entries and 11 exits, net +17.59346855",
        "Limit breached: daily loss; trading is REDUCING",
    ]
    assert many[0].text.startswith("6 of 11 won")
    assert many[0].key == f"alpha#{CROWD + 2}"
    assert len(told(*trades[:CROWD])) == CROWD


def test_figures_read_well() -> None:
    assert [plain(each) for each in (Decimal("1.500"), Decimal(100), Decimal("-0.00"), Decimal("1E-8"), None)] == [
        "1.5",
        "100",
        "0",
        "0.00000001",
        "–",
    ]
    assert [signed(each, 2) for each in (Decimal("1.239"), Decimal("-1.2"), Decimal("0.001"), Decimal("-0.001"))] == [
        "+1.24",
        "-1.2",
        "0",
        "0",
    ]
    assert [span(ms) for ms in (0, 999, 61_000, 3_600_000, 90_061_000)] == [
        "0 s",
        "0 s",
        "1 min 1 s",
        "1 h",
        "1 d 1 h",
    ]
