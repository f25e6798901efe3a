"""One fact in, events out: synchronous and deterministic."""
