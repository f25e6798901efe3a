"""Faults by rule: which requests go wrong, how, and whether before or after they were carried out."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from aiohttp import web

PAGE = "<html><head><title>Error</title></head><body><h1>{}</h1></body></html>"
NUMBERS = ("price", "origQty", "executedQty", "cummulativeQuoteQty", "free", "locked", "qty", "commission", "lastPrice")
NAMES = ("orderId", "clientOrderId", "status", "executedQty", "free", "id", "commission", "serverTime")
JSON, HTML = "application/json", "text/html"


@dataclass(slots=True)
class Rule:
    """One rule.

    `endpoint` is a pattern on "METHOD name" ("POST order", "GET *"), or on the opening of a websocket ("WS stream",
    "WS ws-api"); `match` patterns on parameters ("type": "MARKET");
    `when` is "before" (not carried out) or "after" (carried out, the answer is lost or spoiled); `count` None means
    always; the first `skip` matches pass; `rate` is the share hit of the others; `seconds` how long a timeout or delay
    takes or a lagging reader is behind; `key` is the name of an API key.
    """

    endpoint: str
    kind: str
    when: str = "before"
    count: int | None = 1
    skip: int = 0
    rate: float = 1.0
    seed: int = 0
    match: dict[str, str] = field(default_factory=dict)
    key: str = "*"
    seconds: float = 30.0
    retry_after: int = 2
    fields: list[str] = field(default_factory=list)
    hits: int = 0
    number: int = 0

    def applies(self, endpoint: str, query: dict[str, str], key: str) -> bool:
        """Tell whether a request is one of those meant."""
        return (
            fnmatchcase(endpoint, self.endpoint)
            and fnmatchcase(key, self.key)
            and all(fnmatchcase(query.get(name, ""), pattern) for name, pattern in self.match.items())
        )


class Faults:
    """The rules in force, and what each has done."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._dice: dict[int, random.Random] = {}
        self._made = 0

    def add(self, endpoint: str, kind: str, **options: Any) -> Rule:
        """Add a rule; ValueError for a kind that does not exist."""
        rule = Rule(endpoint, kind, **options)
        if kind not in KINDS or rule.when not in {"before", "after"}:
            raise ValueError(f"There is no fault {kind} {rule.when}: {', '.join(sorted(KINDS))}, before or after.")
        self._made += 1
        rule.number = self._made
        self._dice[rule.number] = random.Random(rule.seed)
        self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Let everything work again."""
        self._rules.clear()

    def told(self) -> list[dict[str, Any]]:
        """Tell the rules and their hits."""
        return [asdict(rule) for rule in self._rules]

    def take(self, endpoint: str, query: dict[str, str], key: str) -> Rule | None:
        """Find the rule that hits this request, and count it."""
        for rule in self._rules:
            if rule.count == 0 or not rule.applies(endpoint, query, key):
                continue
            if rule.skip > 0:
                rule.skip -= 1
                continue
            if self._dice[rule.number].random() >= rule.rate:
                continue
            rule.hits += 1
            if rule.count is not None:
                rule.count -= 1
            return rule
        return None


async def spoiled(rule: Rule, request: web.Request, status: int, answer: object) -> web.StreamResponse:
    """Give the faulty answer, or none."""
    if rule.kind in {"reset", "timeout"}:
        return await _cut_off(rule, request)
    if rule.kind == "delay":
        await asyncio.sleep(rule.seconds)
    if rule.kind == "cut":
        return web.Response(status=status, text=json.dumps(answer)[: _half(answer)], content_type=JSON)
    if rule.kind in {"nan", "missing"}:
        change = _to_nan if rule.kind == "nan" else _without
        return web.json_response(change(answer, tuple(rule.fields) or (NUMBERS if rule.kind == "nan" else NAMES)))
    if rule.kind not in ANSWERS:
        return web.json_response(answer, status=status)
    told, code, message, kind = ANSWERS[rule.kind]
    text = message if code is None else json.dumps({"code": code, "msg": message})
    headers = {"Retry-After": str(rule.retry_after)} if told in {418, 429} else {}
    return web.Response(status=told, text=text, content_type=kind, headers=headers)


ANSWERS: dict[str, tuple[int, int | None, str, str]] = {
    "429": (429, -1003, "Too much request weight used; current limit is 6000 request weight per 1 MINUTE.", JSON),
    "418": (418, -1003, "Way too much request weight used; IP banned until later.", JSON),
    "401": (401, -2015, "Invalid API-key, IP, or permissions for action.", JSON),
    "403": (403, None, PAGE.format("403 Forbidden"), HTML),
    "500": (500, -1000, "An unknown error occurred while processing the request.", JSON),
    "500html": (500, None, PAGE.format("500 Internal Server Error"), HTML),
    "502": (502, None, PAGE.format("502 Bad Gateway"), HTML),
    "503": (503, -1001, "Internal error; unable to process your request. Please try again.", JSON),
    "-1007": (
        504,
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        JSON,
    ),
    "-1021": (400, -1021, "Timestamp for this request is outside of the recvWindow.", JSON),
    "-1015": (429, -1015, "Too many new orders; current limit is 100 orders per 10 SECOND.", JSON),
    "-2010": (400, -2010, "Account has insufficient balance for requested action.", JSON),
    "html": (200, None, PAGE.format("Please wait"), HTML),
    "empty": (200, None, "", JSON),
    "null": (200, None, "null", JSON),
    "object": (200, None, "{}", JSON),
    "list": (200, None, "[]", JSON),
    "words": (200, None, '["a", "b", 7, null]', JSON),
}
SPOILS = frozenset({"cut", "nan", "missing", "delay", "lag"})
"""Kinds that need the true answer: the request is carried out whatever `when` says."""
KINDS = frozenset(ANSWERS) | SPOILS | {"reset", "timeout"}


async def _cut_off(rule: Rule, request: web.Request) -> web.Response:
    waited = 0.0
    while rule.kind == "timeout" and waited < rule.seconds:
        await asyncio.sleep(0.05)
        waited += 0.05
        if request.transport is None or request.transport.is_closing():
            break
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _half(answer: object) -> int:
    return max(1, len(json.dumps(answer)) // 2)


def _to_nan(answer: Any, names: tuple[str, ...]) -> Any:
    if isinstance(answer, dict):
        return {name: "NaN" if name in names else _to_nan(value, names) for name, value in answer.items()}
    if isinstance(answer, list):
        plain = bool(answer) and not isinstance(answer[0], dict | list)
        return [answer[0], *["NaN"] * (len(answer) - 1)] if plain else [_to_nan(value, names) for value in answer]
    return answer


def _without(answer: Any, names: tuple[str, ...]) -> Any:
    if isinstance(answer, dict):
        return {name: _without(value, names) for name, value in answer.items() if name not in names}
    if isinstance(answer, list):
        return [_without(value, names) for value in answer]
    return answer
