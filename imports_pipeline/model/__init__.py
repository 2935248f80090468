"""The data model: imports, batches, phases, options, statuses, errors and ids. Plain Python without input or output."""
