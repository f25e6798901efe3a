"""The words of the loopback exchange: orders, trades, refusals. Amounts are exact decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from tests.exchange.market import Listing

EIGHT = Decimal("0.00000001")
NOUGHT = Decimal(0)
STOPS = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT"})
PROFITS = frozenset({"TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})
ALGO = STOPS | PROFITS
MARKETS = frozenset({"MARKET", "STOP_LOSS", "TAKE_PROFIT"})
OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})
ORDER_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)


@dataclass(frozen=True, slots=True)
class VenueRules:
    """What this exchange asks and grants: fees are fractions, `depth` is the quote value of the best level.

    `more_markets` are listed and never trade.
    """

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    depth: Decimal = Decimal(400)
    band_up: Decimal = Decimal("1.2")
    band_down: Decimal = Decimal("0.8")
    most_orders: int = 200
    most_algo_orders: int = 5
    order_types: tuple[str, ...] = ORDER_TYPES
    more_markets: int = 0


class Refusal(Exception):
    """The exchange says no: Binance's code and words, and the HTTP status they come with."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> dict[str, object]:
        """The answer as Binance words it."""
        return {"code": self.code, "msg": self.message}


@dataclass(frozen=True, slots=True)
class Order:
    """One version of an order; `unit` is what each unfilled base unit keeps locked, of the currency it spends."""

    order_id: int
    account: str
    listing: Listing
    client_id: str
    side: str
    kind: str
    tif: str
    quantity: Decimal
    price: Decimal
    stop_price: Decimal
    unit: Decimal
    created_at: int
    updated_at: int
    by: str
    list_id: int = -1
    status: str = "NEW"
    executed: Decimal = NOUGHT
    quote: Decimal = NOUGHT
    triggered: bool = False
    quote_quantity: Decimal = NOUGHT

    @property
    def open(self) -> bool:
        """Tell whether it may still trade."""
        return self.status in OPEN

    @property
    def working(self) -> bool:
        """Tell whether it is on the book: a stop only once it was triggered."""
        return self.triggered or self.kind not in ALGO

    @property
    def remaining(self) -> Decimal:
        """What has not traded yet."""
        return self.quantity - self.executed

    @property
    def buys(self) -> bool:
        """Tell the direction."""
        return self.side == "BUY"

    @property
    def spends(self) -> str:
        """The currency it pays with."""
        return self.listing.quote if self.buys else self.listing.base

    @property
    def receives(self) -> str:
        """The currency it is paid in, fees included."""
        return self.listing.base if self.buys else self.listing.quote


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution; the fee is taken out of what was received."""

    trade_id: int
    order_id: int
    account: str
    listing: Listing
    price: Decimal
    quantity: Decimal
    quote: Decimal
    fee: Decimal
    fee_asset: str
    at: int
    buys: bool
    maker: bool
    list_id: int


@dataclass(frozen=True, slots=True)
class OrderList:
    """A pair of orders of which one cancels the other."""

    list_id: int
    account: str
    listing: Listing
    client_id: str
    order_ids: tuple[int, int]
    at: int
    done: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What is told on the user's stream: an order after a change, and why it changed."""

    order: Order
    execution: str
    trade: Trade | None = None
    cancel_id: str = ""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as it was asked for, checked for form only."""

    listing: Listing
    side: str
    kind: str
    tif: str
    quantity: Decimal
    quote_quantity: Decimal
    price: Decimal
    stop_price: Decimal
    client_id: str
    answer: str


def text(value: Decimal) -> str:
    """Write an amount with eight decimals, as Binance does."""
    return format(value.quantize(EIGHT, rounding=ROUND_DOWN), "f")


def fee_of(received: Decimal, rate: Decimal) -> Decimal:
    """The commission on what was received, cut to eight decimals."""
    return (received * rate).quantize(EIGHT, rounding=ROUND_DOWN)
