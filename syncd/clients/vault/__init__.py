"""Vault: how it is reached, entered, read, and, with hvac, written."""
