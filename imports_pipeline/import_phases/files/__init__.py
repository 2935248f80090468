"""The files that the phases write to an import's folder: accepted and rejected rows, errors, items, errors files."""
