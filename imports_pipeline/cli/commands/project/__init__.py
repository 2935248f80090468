"""The commands ``dev`` and ``init``: the whole system on one machine, and a Dagster project of one's own."""
