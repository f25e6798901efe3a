"""Health checks, one a file, each naming the command that fixes it."""
