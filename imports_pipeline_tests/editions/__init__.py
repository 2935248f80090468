"""Large writes build a new table of an organization's records; they end like writes that change records in place."""
