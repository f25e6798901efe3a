from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.domain.codec import EVENT_TYPES, decode, encode, kind
from investbot.domain.errors import InvariantError, InvestBotError, RateLimited
from investbot.domain.events import DayRolled, OrderPlaced, PeakRaised, PositionClosed, SignalRaised

decimals = st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**12), max_value=10**12)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(0, 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(max_size=20),
    bool: st.booleans(),
    Decimal: decimals,
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that events are made of."""
    if isinstance(hint, UnionType):
        (inner,) = (arg for arg in get_args(hint) if arg is not NoneType)
        return st.none() | values(inner)
    if get_origin(hint) is tuple:
        args = get_args(hint)
        if args[-1] is Ellipsis:
            return st.lists(values(args[0]), max_size=4).map(tuple)
        return st.tuples(*(values(arg) for arg in args))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        hints = get_type_hints(hint)
        return st.builds(hint, **{field.name: values(hints[field.name]) for field in fields(hint)})
    return _PLAIN[hint]


events = st.sampled_from(sorted(EVENT_TYPES)).flatmap(lambda name: values(EVENT_TYPES[name]))


@given(events)
def test_every_event_survives_json_exactly(event: Any) -> None:
    body = json.loads(json.dumps(encode(event)))
    assert decode(kind(event), body) == event


def test_money_is_told_in_plain_digits() -> None:
    assert encode(PeakRaised(1, Decimal("1E+3"))) == {"at": 1, "equity": "1000"}
    assert encode(DayRolled(1, 2, Decimal("1E-8")))["equity"] == "0.00000001"


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("Nonsense", {}, "unknown kind 'Nonsense'"),
        ("PeakRaised", {"at": 1}, "'equity'"),
        ("PeakRaised", {"at": 1, "equity": "much"}, "cannot be read"),
        ("PeakRaised", {"at": "1", "equity": "2"}, "cannot be read"),
        ("PeakRaised", {"at": True, "equity": "2"}, "cannot be read"),
        ("OrderPlaced", {"at": 1, "order": {}}, "cannot be read"),
        ("TradingStateChanged", {"at": 1, "state": "ASLEEP", "reason": ""}, "cannot be read"),
    ],
)
def test_what_is_no_event_of_ours_is_refused(name: str, body: dict[str, Any], words: str) -> None:
    with pytest.raises(InvariantError, match=words):
        decode(name, body)


def test_kinds_are_class_names() -> None:
    assert EVENT_TYPES["OrderPlaced"] is OrderPlaced


def test_errors_carry_what_an_operator_needs() -> None:
    assert RateLimited("slow down", 1.5).retry_after_s == 1.5
    assert {cls.exit_code for cls in InvestBotError.__subclasses__()} <= {64, 65, 66, 69, 70, 73, 74, 75, 77, 78}


def test_what_an_older_program_did_not_write_has_its_default() -> None:
    candle = [0, "1", "1", "1", "1", 0.0]
    old = {"at": 1, "signal_id": "s1", "symbol": "BTC/USDT", "timeframe": "1m", "source": "x", "direction": "long"}
    old |= {"confidence": 0.5, "price": "1", "stop": None, "targets": [], "reason": "r", "candle": candle}
    raised = decode("SignalRaised", old)
    assert isinstance(raised, SignalRaised)
    assert (raised.setup, raised.parts, raised.levels, raised.alert_id) == ("", (), (), "")
    with pytest.raises(InvariantError, match="'reason'"):
        decode("SignalRaised", {name: value for name, value in old.items() if name != "reason"})
    names = "plan_id opened_at closed_at symbol quantity entry_price exit_price costs net_pnl r mae mfe exit_reason"
    trip: dict[str, Any] = dict.fromkeys(names.split(), "1") | {"opened_at": 1, "closed_at": 2, "gapped": False}
    closed = decode("PositionClosed", {"at": 1, "trip": trip})
    assert isinstance(closed, PositionClosed)
    assert closed.trip.setup == ""
