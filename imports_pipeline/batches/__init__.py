"""The batch engine, in an item's order: parsing, validation, processing, cleanup. Set-based SQL throughout.

An item is a record's new state by its id; the engine knows nothing of CSV. ``parsing`` brings the items into
staging tables, ``validation`` makes the plan from them, ``processing`` and ``cleanup`` carry it out in one
transaction.
"""
