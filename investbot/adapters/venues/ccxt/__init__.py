"""Any exchange ccxt knows, through its public REST interface."""
