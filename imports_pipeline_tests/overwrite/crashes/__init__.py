"""Imports that die at any statement, and the next try."""
