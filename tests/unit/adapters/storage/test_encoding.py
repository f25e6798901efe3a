"""Events as rows: the same JSON as the codec makes, and back without loss."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from investbot.adapters.storage.encoding import read, write
from investbot.domain.codec import EVENT_TYPES, encode
from investbot.domain.errors import InvariantError
from investbot.ports.ledger import Recorded
from tests.unit.adapters.storage.samples import START, typical_batch

SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=8),
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(min_value=-(2**63), max_value=2**63 - 1),
    str: st.text(st.characters(codec="utf-8")),
    bool: st.booleans(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Give a strategy for any type the domain's events are made of."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    if isinstance(hint, UnionType):
        return st.one_of(*(st.none() if each is NoneType else values(each) for each in get_args(hint)))
    if get_origin(hint) is tuple:
        args = get_args(hint)
        if args[-1] is Ellipsis:
            return st.lists(values(args[0]), max_size=3).map(tuple)
        return st.tuples(*(values(each) for each in args))
    if issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    assert is_dataclass(hint)
    hints, make = get_type_hints(hint), cast("Callable[..., Any]", hint)
    return st.builds(make, **{field.name: values(hints[field.name]) for field in fields(hint)})


@given(st.one_of(*(values(cls) for cls in EVENT_TYPES.values())), st.integers(min_value=1))
def test_any_event_is_written_as_the_codec_says_and_comes_back_the_same(event: Any, seq: int) -> None:
    row = write(seq, event)
    assert row[:3] == (seq, event.at, type(event).__name__)
    assert json.loads(row[3]) == encode(event)
    assert read(row) == Recorded(seq, event)


def test_what_json_cannot_hold_is_refused() -> None:
    signal: Any = typical_batch(1)[0]
    with pytest.raises(InvariantError, match="SignalRaised cannot be written down"):
        write(1, replace(signal, confidence=math.nan))
    with pytest.raises(InvariantError, match="SignalRaised cannot be written down"):
        write(1, replace(signal, reason=object()))


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        ("SourceFinished", "{", "Event 7 of the ledger is not JSON"),
        ("SourceFinished", "{}", "kind SourceFinished in the ledger cannot be read"),
        ("Unheard", "{}", "unknown kind 'Unheard'"),
    ],
)
def test_a_row_that_is_no_event_of_ours_is_refused(kind: str, body: str, words: str) -> None:
    with pytest.raises(InvariantError, match=words):
        read((7, START, kind, body))
