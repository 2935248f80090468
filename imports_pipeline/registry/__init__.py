"""The tables that hold no contacts or groups: imports, batches, queue, dropped files, API keys; lists and export."""
