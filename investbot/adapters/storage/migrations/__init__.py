"""The numbered steps of the ledger's schema: NNNN_name.up.sql and the way back, NNNN_name.down.sql."""
