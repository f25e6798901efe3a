"""The host of one engine: the loop, recovery and heartbeat."""
