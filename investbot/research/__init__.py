"""The backtest host and its measures."""
