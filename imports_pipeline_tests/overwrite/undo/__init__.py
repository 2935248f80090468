"""Reverts, and the history of a record."""
