"""The four phases of a batch, in order: parsing, validation, processing, cleanup. All work is set-based SQL."""
