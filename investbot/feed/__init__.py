"""One public market-data subscription for each venue, symbol and timeframe, for all instances of a host."""
