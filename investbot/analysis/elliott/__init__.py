"""Elliott waves: impulses by hard rules, corrections, and candidate counts with the price that ends each."""
