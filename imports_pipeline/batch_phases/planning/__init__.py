"""The plan of a batch: what would be created, changed and removed, its files, and the guards that may refuse it."""
