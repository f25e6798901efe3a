"""Chart patterns out of the turns of the market, confirmed by a close."""
