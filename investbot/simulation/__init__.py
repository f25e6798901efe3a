"""The matching model: what a venue would have done with an order, bar by bar. For backtest and paper alike."""

from investbot.simulation.book import Book, FillPolicy, Happening

__all__ = ["Book", "FillPolicy", "Happening"]
