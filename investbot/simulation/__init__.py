"""The matching model behind backtest and paper: fees, slippage, latency, partial fills."""
