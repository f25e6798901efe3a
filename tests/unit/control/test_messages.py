from __future__ import annotations

from typing import Any

import pytest

from investbot.control.messages import VERBS, Hello, InstanceRequest, ReadArgs, Request, parse, parse_args
from investbot.domain.errors import UsageError


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "id"),
        ({"id": "1", "verb": "ping"}, "id"),
        ({"id": True, "verb": "ping"}, "id"),
        ({"id": -1, "verb": "ping"}, "id"),
        ({"id": 1, "verb": 5}, "verb"),
        ({"id": 1, "verb": "x" * 33}, "verb"),
        ({"id": 1, "verb": "ping", "args": []}, "args"),
        ({"id": 1, "verb": "ping", "secret": 1}, "secret"),
    ],
)
def test_a_request_is_strict(body: dict[str, Any], where: str) -> None:
    with pytest.raises(UsageError, match=f"not understood: {where}: "):
        parse(Request, body)


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("start", {"names": "alpha"}),
        ("start", {"names": [""]}),
        ("start", {"names": ["x" * 65]}),
        ("start", {"yes": 1}),
        ("stop", {"yes": True}),
        ("flatten", {"timeout_s": 0}),
        ("flatten", {"timeout_s": "5"}),
        ("allocate", {"name": "alpha"}),
        ("allocate", {"name": "alpha", "amount": 5.0}),
        ("allocate", {"name": "alpha", "amount": "-5"}),
        ("allocate", {"name": "alpha", "amount": "1e5"}),
        ("allocate", {"name": "alpha", "amount": "NaN"}),
        ("size", {"name": "alpha", "symbol": "BTC/USDT"}),
        ("read", {"kind": "fills", "name": "alpha", "last": 0}),
        ("watch", {"interval_s": 0.01}),
        ("ping", {"x": 1}),
    ],
)
def test_arguments_are_strict(verb: str, args: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="not understood"):
        parse_args(Request(id=1, verb=verb, args=args))


def test_an_unknown_verb_is_told_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no verb 'dance'; it knows ping, status"):
        parse_args(Request(id=1, verb="dance"))


def test_every_verb_takes_who_asked() -> None:
    for verb, model in VERBS.items():
        assert "by" in model.model_fields, verb


def test_defaults() -> None:
    args = parse_args(Request(id=1, verb="read", args={"kind": "fills", "name": "alpha", "since": 5}))
    assert isinstance(args, ReadArgs)
    assert (args.since, args.last, args.by) == (5, None, "operator")


@pytest.mark.parametrize("pid", [0, -1, "5", None])
def test_a_greeting_is_strict(pid: object) -> None:
    with pytest.raises(UsageError):
        parse(Hello, {"hello": {"name": "alpha", "pid": pid, "start_time": 1}})


def test_an_instance_is_asked_for_known_actions_only() -> None:
    with pytest.raises(UsageError, match="action"):
        parse(InstanceRequest, {"action": "format the disk"})
