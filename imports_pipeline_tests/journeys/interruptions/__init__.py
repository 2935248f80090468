"""Imports that are canceled, crash, wait, time out or meet another import: each ends once, and no half of it shows."""
