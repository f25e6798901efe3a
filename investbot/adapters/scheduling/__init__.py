"""Timers of a running instance."""
