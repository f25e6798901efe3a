"""Backups: make, verify, restore and expire archives; strangers to how they are written down."""
