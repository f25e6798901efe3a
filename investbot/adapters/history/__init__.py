"""What was seen of markets, kept on disk for everybody on this machine."""
