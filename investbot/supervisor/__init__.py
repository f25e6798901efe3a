"""The process that owns instance processes."""
