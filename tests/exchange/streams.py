"""The websocket side: market streams, the user's stream by signature or listen key, and their troubles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from tests.exchange import answers
from tests.exchange.core import Core
from tests.exchange.faults import spoiled
from tests.exchange.feeds import Feeds
from tests.exchange.path import scatter
from tests.exchange.sockets import Socket, Troubles
from tests.exchange.values import Refusal, Report

REFUSED = Refusal(-1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", 503)


class Streams:
    """All websockets of the exchange."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sockets: set[Socket] = set()
        self._listen_keys: dict[str, str] = {}
        self._numbers = 0
        self.feeds = Feeds(core)
        self.user = Troubles()
        self.market = Troubles()

    async def market_socket(self, request: web.Request) -> web.StreamResponse:
        """Serve /stream/ws/NAME: a listen key's own stream, else market streams to subscribe to."""
        rule = self._core.faults.take("WS stream", {}, "")
        if rule is not None:
            return await spoiled(rule, request, 200, None)
        socket = await self._open(request)
        name = request.match_info["name"]
        if name in self._listen_keys:
            key = self._core.keys.by_name[self._listen_keys[name]]
            socket.accounts[-1] = (key.account, key.name)
        return await self._serve(socket)

    async def api_socket(self, request: web.Request) -> web.StreamResponse:
        """Serve /ws-api/v3."""
        rule = self._core.faults.take("WS ws-api", {}, "")
        if rule is not None:
            return await spoiled(rule, request, 200, None)
        return await self._serve(await self._open(request))

    async def listen_key(self, request: web.Request) -> web.Response:
        """Answer POST, PUT, DELETE userDataStream."""
        try:
            key = self._core.keys.known(request.headers.get("X-MBX-APIKEY"))
        except Refusal as refusal:
            return web.json_response(refusal.body(), status=refusal.status)
        made = f"{scatter(self._core.seed, key.name):016x}listen"
        if request.method == "DELETE":
            self._listen_keys.pop(made, None)
            return web.json_response({})
        self._listen_keys[made] = key.name
        return web.json_response({"listenKey": made} if request.method == "POST" else {})

    def told(self) -> dict[str, Any]:
        """Tell how many sockets there are, and the users among them."""
        users = sum(bool(socket.accounts) for socket in self._sockets)
        return {"sockets": len(self._sockets), "users": users, "user": _left(self.user), "market": _left(self.market)}

    def chosen(self, channel: str) -> list[Socket]:
        """The sockets of a channel: user, market or all."""
        return [socket for socket in self._sockets if channel == "all" or (channel == "user") == bool(socket.accounts)]

    def cut_off(self, key_name: str) -> None:
        """End the user streams of a key that was revoked."""
        for socket in self._sockets:
            for number, (_, name) in list(socket.accounts.items()):
                if name == key_name:
                    del socket.accounts[number]
                    gone = {"e": "eventStreamTerminated", "E": self._core.told_now()}
                    socket.send(gone if number < 0 else {"subscriptionId": number, "event": gone})

    def publish(self) -> None:
        """Send what has happened since: reports and balances to users, market data to the others."""
        reports, self._core.matching.reports = self._core.matching.reports, []
        for report in reports:
            self._report(report)
        self.feeds.publish(self._sockets, self.market)

    def balance_update(self, account: str, asset: str, delta: str) -> None:
        """Tell of a balance that changed with no order behind it."""
        now = self._core.told_now()
        self._to_users(account, {"e": "balanceUpdate", "E": now, "a": asset, "d": delta, "T": now})
        self._position(account, {asset})

    def close(self) -> None:
        """Cut every connection."""
        for socket in self._sockets:
            socket.drop()

    def _report(self, report: Report) -> None:
        order, now = report.order, self._core.told_now()
        self._to_users(order.account, answers.execution_report(report, now))
        if order.list_id in self._core.records.lists and report.execution in {"NEW", "CANCELED", "EXPIRED"}:
            pair = self._core.records.lists[order.list_id]
            status = answers.paired(pair, self._core.records, reports=False)
            event = {"e": "listStatus", "E": now, "s": order.listing.id, "g": pair.list_id, "c": "OCO"}
            event |= {"l": status["listStatusType"], "L": status["listOrderStatus"], "r": "NONE", "C": pair.client_id}
            self._to_users(order.account, event | {"T": order.updated_at, "O": []})
        self._position(order.account, {order.listing.base, order.listing.quote})

    def _position(self, account: str, assets: set[str]) -> None:
        owner = self._core.accounts[account]
        self._to_users(account, answers.account_position(owner, assets, self._core.told_now()))

    def _to_users(self, account: str, event: dict[str, Any]) -> None:
        for socket in self._sockets:
            for number, (name, _) in socket.accounts.items():
                if name == account:
                    socket.send(event if number < 0 else {"subscriptionId": number, "event": event}, self.user)

    async def _open(self, request: web.Request) -> Socket:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        socket = Socket(ws, request, self._core.wall)
        self._sockets.add(socket)
        return socket

    async def _serve(self, socket: Socket) -> web.WebSocketResponse:
        try:
            await socket.serve(self._received)
        finally:
            self._sockets.discard(socket)
        return socket.ws

    def _received(self, socket: Socket, message: dict[str, Any]) -> None:
        method, number = message.get("method"), message.get("id")
        if method in {"SUBSCRIBE", "UNSUBSCRIBE"}:
            names: Iterable[str] = message.get("params", [])
            if method == "SUBSCRIBE":
                socket.streams.update(names)
            else:
                socket.streams.difference_update(names)
            socket.send({"result": None, "id": number})
            return
        try:
            socket.send({"id": number, "status": 200, "result": self._called(socket, str(method), message)})
        except Refusal as refusal:
            socket.send({"id": number, "status": refusal.status, "error": refusal.body()})

    def _called(self, socket: Socket, method: str, message: dict[str, Any]) -> dict[str, Any]:
        if method == "ping":
            return {}
        if method == "time":
            return {"serverTime": self._core.told_now()}
        if method == "userDataStream.unsubscribe":
            socket.accounts.clear()
            return {}
        if method != "userDataStream.subscribe.signature":
            raise Refusal(-1104, "Unknown method.")
        if self.user.due("refuse"):
            raise REFUSED
        query = {name: str(value) for name, value in message.get("params", {}).items()}
        payload = "&".join(f"{name}={value}" for name, value in sorted(query.items()) if name != "signature")
        key = self._core.keys.known(query.get("apiKey"))
        self._core.keys.verify(key, payload, query, self._core.told_now(), self._core.window_scale)
        self._numbers += 1
        socket.accounts[self._numbers] = (key.account, key.name)
        return {"subscriptionId": self._numbers}


def _left(troubles: Troubles) -> dict[str, int]:
    return {name: getattr(troubles, name) for name in ("duplicate", "reorder", "lose", "late", "refuse")}
