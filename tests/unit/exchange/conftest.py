"""A running exchange, and clients of ccxt's real class with nothing but addresses and a key put in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from decimal import localcontext
from typing import Any

import pytest

from investbot.adapters.venues.ccxt.loader import exchange_class
from tests.exchange.exchange import Exchange
from tests.exchange.truth import unbalanced


@pytest.fixture(autouse=True)
def arithmetic() -> Iterator[None]:
    """Let ccxt, which these tests drive themselves, set the decimal arithmetic it finds: a copy."""
    with localcontext():
        yield


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    async with Exchange(seed=7) as made:
        yield made
        assert unbalanced(made.core) == []


@pytest.fixture
async def client(exchange: Exchange) -> AsyncIterator[Callable[[str], Any]]:
    made: list[Any] = []

    def connect(key: str) -> Any:
        settings = exchange.settings(key) | {"timeout": 1500, "timeout_on_exit": 1}
        made.append(exchange_class("binance")(settings))
        return made[-1]

    yield connect
    for each in made:
        await each.close()


@pytest.fixture
async def binance(client: Callable[[str], Any]) -> Any:
    made = client("main")
    await made.load_markets()
    return made
