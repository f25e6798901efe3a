"""The terminal dashboard: one frozen snapshot in, pixels out."""
