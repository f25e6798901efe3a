"""Market structure: swings, breaks, liquidity, gaps, blocks, sessions, divergence between markets."""
