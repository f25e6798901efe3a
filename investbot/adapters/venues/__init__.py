"""Where candles come from and orders go to."""
