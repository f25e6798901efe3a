"""The operator's side of the exchange, at /admin: faults, keys, balances, prices, a human's orders, the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from aiohttp import web

from tests.exchange import filters, private
from tests.exchange.bars import listed
from tests.exchange.core import Call, Core
from tests.exchange.streams import Streams
from tests.exchange.truth import truth
from tests.exchange.values import Refusal

Answer = Callable[[dict[str, Any]], Any]


class Admin:
    """Each verb takes a JSON object and gives one; the methods are for tests in the same process."""

    def __init__(self, core: Core, streams: Streams) -> None:
        self._core = core
        self._streams = streams

    def routes(self) -> list[web.RouteDef]:
        """The routes of all verbs: POST /admin/VERB; GET for those that only tell."""
        posts: dict[str, Answer] = {
            "faults": lambda said: asdict(self._core.faults.add(**said)),
            "clear": lambda said: self.clear(),
            "streams": lambda said: self.streams(**said),
            "key": lambda said: self.key(**said),
            "balance": lambda said: self.balance(**said),
            "price": lambda said: self.price(**said),
            "set": lambda said: self.set(**said),
            "order": lambda said: self.order(**said),
            "cancel": lambda said: self.cancel(**said),
        }
        gets: dict[str, Answer] = {
            "truth": lambda said: truth(self._core),
            "faults": lambda said: self._core.faults.told(),
            "state": lambda said: self.state(),
        }
        return [
            *(web.post(f"/admin/{verb}", _answering(answer, reads=True)) for verb, answer in posts.items()),
            *(web.get(f"/admin/{verb}", _answering(answer, reads=False)) for verb, answer in gets.items()),
        ]

    def state(self) -> dict[str, Any]:
        """Tell the time, the prices, the sockets and the work done so far."""
        core, now = self._core, self._core.now()
        return {
            "now": now,
            "skew_ms": core.skew_ms,
            "lag_s": core.lag_s,
            "prices": {name: str(core.path.price(listed(name), now)) for name in ("BTCUSDT", "ETHUSDT", "PEPEUSDT")},
            "requests": core.requests,
            "submitted": Counter(submission.key for submission in core.submissions),
            "weight_peak": core.weights.peak,
            "weight_refused": core.weights.refused,
            "streams": self._streams.told(),
            "closes": list(core.closes),
        }

    def clear(self) -> dict[str, Any]:
        """End all faults, skew and lag; revoked keys stay revoked."""
        self._core.faults.clear()
        self._core.skew_ms, self._core.lag_s = 0, 0.0
        for troubles in (self._streams.user, self._streams.market):
            troubles.duplicate = troubles.reorder = troubles.lose = troubles.late = troubles.refuse = 0
        for socket in self._streams.chosen("all"):
            socket.silent_until = 0.0
        return {}

    def streams(self, kind: str, channel: str = "user", count: int = 1, seconds: float = 5.0) -> dict[str, Any]:
        """Trouble the sockets: drop or silent at once, duplicate, reorder, lose, late, refuse for the next `count`."""
        if kind in {"drop", "silent"}:
            chosen = self._streams.chosen(channel)
            for socket in chosen:
                if kind == "drop":
                    socket.drop()
                else:
                    socket.silent_until = self._core.wall() + seconds
            return {"sockets": len(chosen)}
        if kind not in {"duplicate", "reorder", "lose", "late", "refuse"}:
            raise ValueError(f"There is no trouble {kind}.")
        both = {"user": [self._streams.user], "market": [self._streams.market]}
        for troubles in both[channel]:
            setattr(troubles, kind, count)
            troubles.late_s = seconds
        return {"count": count}

    def key(self, name: str, **changes: bool) -> dict[str, Any]:
        """Change a key: revoked, trade, withdraw, ip_restricted."""
        key = self._core.keys.by_name[name]
        for field, value in changes.items():
            if field not in {"revoked", "trade", "withdraw", "ip_restricted"}:
                raise ValueError(f"A key has no {field}.")
            setattr(key, field, value)
        if key.revoked:
            self._streams.cut_off(name)
        return {"name": name, "revoked": key.revoked}

    def balance(self, account: str, asset: str, delta: str) -> dict[str, Any]:
        """Let a free balance go down or up by itself."""
        self._core.adjust(account, asset, Decimal(delta))
        self._streams.balance_update(account, asset, delta)
        return {"free": str(self._core.accounts[account].holding(asset).free)}

    def price(self, symbol: str, factor: float, over_ms: int = 0) -> dict[str, Any]:
        """Move a price for good, over some venue time (milliseconds)."""
        self._core.path.shock(listed(symbol), self._core.now(), factor, over_ms)
        return {}

    def set(self, skew_ms: int | None = None, lag_s: float | None = None, weight_limit: int | None = None) -> Any:
        """Set clock skew, read lag, or the weight a minute."""
        self._core.skew_ms = self._core.skew_ms if skew_ms is None else skew_ms
        self._core.lag_s = self._core.lag_s if lag_s is None else lag_s
        self._core.weights.limit = self._core.weights.limit if weight_limit is None else weight_limit
        return {"skew_ms": self._core.skew_ms, "lag_s": self._core.lag_s}

    def order(self, account: str, **query: str) -> Any:
        """Place an order as a human at the exchange's own page would."""
        core, query = self._core, {name: str(value) for name, value in query.items()}
        wanted = filters.read(query, core.rules, private.fresh_id(core))
        placed = core.matching.place(account, wanted, core.now(), "human")
        self._streams.publish()
        return {"orderId": placed.order_id, "clientOrderId": placed.client_id, "status": placed.status}

    def cancel(self, key: str, **query: str) -> Any:
        """Cancel an order with the rights of a key, named by its name."""
        query = {name: str(value) for name, value in query.items()}
        call = Call(query, self._core.keys.by_name[key], self._core.now())
        told = private.cancel_order(self._core, call)
        self._streams.publish()
        return told


def _answering(answer: Answer, *, reads: bool) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        try:
            return web.json_response(answer(await request.json() if reads and request.can_read_body else {}))
        except Refusal as refusal:
            return web.json_response(refusal.body(), status=400)
        except (KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    return handler
