"""The commands ``syncs list`` and ``syncs run``: scheduled imports, and one of them now."""
