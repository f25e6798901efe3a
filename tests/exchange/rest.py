"""The HTTP side: a request is weighed, its key checked, carried out, and its answer spoiled where a rule says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from aiohttp import web

from tests.exchange import private, public
from tests.exchange.core import Call, Core, Submission
from tests.exchange.faults import SPOILS, Rule, spoiled
from tests.exchange.records import NOW
from tests.exchange.signing import fields
from tests.exchange.values import Refusal

Handler = Callable[[Core, Call], object]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers, what it weighs, and whether it wants a signature."""

    handler: Handler
    weight: int = 1
    signed: bool = True


OPEN_ENDPOINTS: dict[str, Endpoint] = {
    "GET ping": Endpoint(public.ping, 1, signed=False),
    "GET time": Endpoint(public.time, 1, signed=False),
    "GET exchangeInfo": Endpoint(public.info, 20, signed=False),
    "GET klines": Endpoint(public.candles, 2, signed=False),
    "GET ticker/24hr": Endpoint(public.ticker_day, 2, signed=False),
    "GET ticker/price": Endpoint(public.ticker_price, 2, signed=False),
    "GET ticker/bookTicker": Endpoint(public.ticker_book, 2, signed=False),
    "GET avgPrice": Endpoint(public.average_price, 2, signed=False),
    "GET depth": Endpoint(public.depth, 5, signed=False),
}
ENDPOINTS: dict[str, Endpoint] = OPEN_ENDPOINTS | {
    "POST order": Endpoint(private.new_order),
    "POST order/test": Endpoint(private.test_order),
    "GET order": Endpoint(private.get_order, 4),
    "DELETE order": Endpoint(private.cancel_order),
    "POST order/cancelReplace": Endpoint(private.replace_order),
    "POST order/oco": Endpoint(private.new_pair),
    "POST orderList/oco": Endpoint(private.new_pair),
    "GET orderList": Endpoint(private.get_pair, 4),
    "DELETE orderList": Endpoint(private.cancel_pair),
    "GET openOrderList": Endpoint(private.open_pairs, 6),
    "GET openOrders": Endpoint(private.open_orders, 6),
    "DELETE openOrders": Endpoint(private.cancel_all),
    "GET allOrders": Endpoint(private.all_orders, 20),
    "GET myTrades": Endpoint(private.my_trades, 20),
    "GET account": Endpoint(private.account, 20),
    "GET account/apiRestrictions": Endpoint(private.rights),
    "GET capital/config/getall": Endpoint(private.nothing, 10),
    "GET margin/allPairs": Endpoint(private.nothing),
    "GET margin/isolated/allPairs": Endpoint(private.nothing),
}
FUTURES = {"GET exchangeInfo": Endpoint(public.no_markets, signed=False)}
UNKNOWN = Refusal(-1, "unknown path", 404)


class Rest:
    """Answers HTTP requests; `after` is called when something may have changed."""

    def __init__(self, core: Core, after: Callable[[], None]) -> None:
        self._core = core
        self._after = after

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request under /api/v3 or /sapi/v1."""
        return await self._answer(request, ENDPOINTS)

    async def futures(self, request: web.Request) -> web.StreamResponse:
        """Answer for the futures exchanges, which list nothing here."""
        return await self._answer(request, FUTURES)

    async def _answer(self, request: web.Request, table: dict[str, Endpoint]) -> web.StreamResponse:
        name = f"{request.method} {request.match_info['name']}"
        body = await request.text()
        payload = request.rel_url.raw_query_string + body
        query = fields(payload)
        core = self._core
        core.requests[name] = core.requests.get(name, 0) + 1
        endpoint = table.get(name)
        used, wait_s = core.weights.use(endpoint.weight if endpoint else 1)
        if wait_s:
            banned = core.weights.refused > 10
            refusal = Refusal(-1003, "Too much request weight used; IP banned." if banned else "Too many requests.")
            headers = {"Retry-After": str(wait_s)}
            return web.json_response(refusal.body(), status=418 if banned else 429, headers=headers)
        noted = _noted(core, name, query, request)
        owner = noted.key if noted else _key_name(core, request)
        rule = core.faults.take(name, query, owner)
        if rule is not None and rule.when == "before" and rule.kind not in SPOILS:
            return await spoiled(rule, request, 200, None)
        status, answer = self._carry_out(endpoint, payload, query, request, rule)
        self._after()
        if noted:
            noted.outcome = _outcome(status, answer)
        if rule is not None and not (rule.kind in SPOILS and status != 200):
            if noted:
                noted.outcome += f", answer {rule.kind}"
            return await spoiled(rule, request, status, answer)
        return web.json_response(answer, status=status, headers={"X-MBX-USED-WEIGHT-1M": str(used)})

    def _carry_out(
        self,
        endpoint: Endpoint | None,
        payload: str,
        query: dict[str, str],
        request: web.Request,
        rule: Rule | None,
    ) -> tuple[int, object]:
        core = self._core
        try:
            if endpoint is None:
                raise UNKNOWN
            call = Call(query, None, core.now(), core.as_of() if request.method == "GET" else NOW)
            if endpoint.signed:
                key = core.keys.known(request.headers.get("X-MBX-APIKEY"))
                core.keys.verify(key, payload, query, core.told_now(), core.window_scale)
                call = replace(call, key=key)
            if rule is not None and rule.kind == "lag":
                call = replace(call, as_of=core.as_of(rule.seconds))
            return 200, endpoint.handler(core, call)
        except Refusal as refusal:
            return refusal.status, refusal.body()
        except ValueError:
            return 400, Refusal(-1100, "Illegal characters found in a parameter.").body()


def _noted(core: Core, name: str, query: dict[str, str], request: web.Request) -> Submission | None:
    """Write down every request that may make an order."""
    if not (name.startswith("POST order") and name != "POST order/test"):
        return None
    shown = {word: value for word, value in query.items() if word != "signature"}
    noted = Submission(time.time_ns(), core.now(), name, _key_name(core, request), shown)
    core.submissions.append(noted)
    return noted


def _key_name(core: Core, request: web.Request) -> str:
    api_key = request.headers.get("X-MBX-APIKEY", "")
    return next((key.name for key in core.keys.by_name.values() if key.api_key == api_key), "")


def _outcome(status: int, answer: object) -> str:
    if not isinstance(answer, dict):
        return str(status)
    return str(answer.get("code") or answer.get("status") or answer.get("orderId") or answer.get("orderListId"))
