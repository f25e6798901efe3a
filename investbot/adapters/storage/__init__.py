"""Encrypted ledgers and the vault."""
