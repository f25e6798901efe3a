"""The control codec: what goes in comes out, and junk gives one kind of error."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from investbot.control import codec
from investbot.control.messages import VERBS, Request, parse, parse_args
from investbot.domain.errors import DataError, UsageError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_what_goes_in_comes_out_on_one_line(message: dict[str, Any]) -> None:
    line = codec.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert codec.decode(line) == json.loads(json.dumps(message))


@given(st.binary(max_size=200))
def test_junk_is_an_object_or_a_data_error(line: bytes) -> None:
    try:
        message: object = codec.decode(line)
    except DataError:
        return
    assert isinstance(message, dict)


@given(st.dictionaries(st.sampled_from(["id", "verb", "args", "more"]), VALUES, max_size=4))
def test_a_request_is_understood_or_refused(body: dict[str, Any]) -> None:
    try:
        request = parse(Request, body)
    except UsageError:
        return
    assert set(body) <= {"id", "verb", "args"}
    assert type(request.id) is int


@given(
    st.sampled_from(sorted(VERBS)),
    st.dictionaries(st.sampled_from(["names", "name", "all", "by", "amount", "symbol", "x"]), VALUES, max_size=4),
)
def test_arguments_are_understood_or_refused(verb: str, args: dict[str, Any]) -> None:
    request = Request(id=1, verb=verb, args=args)
    try:
        parsed = parse_args(request)
    except UsageError:
        return
    assert set(args) <= set(VERBS[verb].model_fields)
    assert isinstance(parsed, VERBS[verb])
