"""Where real orders go: what a venue that trades must be able to do and to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from investbot.domain.market import Instrument, Millis
from investbot.domain.order import Fill, Order, OrderReport


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a venue's spot market can do; oddities are data, not subclasses.

    `client_id_length` counts characters; `stop_limit_band` is how far under the trigger a stop-limit's price lies, a
    fraction; `read_lag_ms` is how long a fresh order may be unknown to queries; `window_ms` is the clock error that
    signed requests survive.
    """

    client_ids: bool
    client_id_length: int
    stop_market: bool
    stop_limit: bool
    oco: bool
    ioc: bool
    stop_limit_band: Decimal
    read_lag_ms: Millis
    window_ms: Millis


@dataclass(frozen=True, slots=True)
class Balance:
    """What the account has of one currency: `free` may be spent, `locked` rests in orders; units of that currency."""

    free: Decimal
    locked: Decimal


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """One order as the venue tells it; quantities in base, prices in quote per base.

    `client_order_id` is "" where the venue kept none: such an order is somebody else's.
    """

    venue_order_id: str
    client_order_id: str
    symbol: str
    report: OrderReport
    quantity: Decimal
    filled: Decimal


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What an API key may do; None where the venue does not tell."""

    trade: bool | None
    withdraw: bool | None
    ip_restricted: bool | None


class TradingVenue(Protocol):
    """The private side of a venue. Every method may raise VenueUnavailable, RateLimited or AuthFailed."""

    @property
    def capabilities(self) -> Capabilities:
        """What this venue can do."""
        ...

    async def connect(self, instruments: Mapping[str, Instrument]) -> None:
        """Open the private side; AuthFailed when the key is not accepted."""
        ...

    async def submit(self, order: Order) -> OrderReport:
        """Send an order once. OrderRejected when it certainly does not exist, OutcomeUnknown when nobody knows.

        Never sends twice: timeouts, resets, 5xx answers, cut or id-less answers are all OutcomeUnknown.
        """
        ...

    async def cancel(self, order: Order, venue_order_id: str | None) -> OrderReport | None:
        """Withdraw an order; None when the venue says it is not open (which is a question for `lookup`)."""
        ...

    async def lookup(self, order: Order) -> VenueOrder | None:
        """Find an order of ours by its client id, open or done; None when the venue does not know it now."""
        ...

    async def open_orders(self, symbol: str) -> Sequence[VenueOrder]:
        """All open orders of the account in `symbol`, other people's too."""
        ...

    async def fills(self, symbol: str, since_trade_id: str | None, since: Millis) -> Sequence[tuple[str, Fill]]:
        """Fills of the account after a known trade (or from `since`), oldest first, each with its venue order id.

        A fill's `order_id` is the client order id where the venue tells it, else "".
        """
        ...

    async def balances(self) -> Mapping[str, Balance]:
        """What the account has, by currency."""
        ...

    async def rights(self) -> KeyRights:
        """What the key may do."""
        ...

    async def news(self) -> Sequence[VenueOrder | Fill]:
        """Wait for the next own orders and fills of the venue's stream; VenueUnavailable where there is none."""
        ...

    async def close(self) -> None:
        """Release connections; safe to call twice."""
        ...
