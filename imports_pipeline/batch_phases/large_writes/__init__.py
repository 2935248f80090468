"""Large writes: an import that changes most records builds a new table of them, and a revert goes back to the old."""
