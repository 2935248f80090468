"""Bulk import of contacts and groups by CSV.

A row's journey, one line a stop:

1. ``storage/sources.py``           the file is fetched into the import's folder, as it is
2. ``reading/``                     bytes become rows: encoding, dialect, header, cells with their places
3. ``phases/prevalidation.py``      columns are mapped, cells become canonical values, bad rows are set aside
4. ``phases/preparsing.py``         rows that share an identity value are set aside
5. ``phases/transforming.py``       each row finds its stored record, or becomes a new one: a batch item
6. ``batches/parsing.py``           items enter the staging tables; two for one record are set aside
7. ``batches/validation.py``        unknown ids and references are set aside; the plan is made
8. ``batches/processing.py``        the plan is carried out in one transaction ...
9. ``batches/cleanup.py``           ... with the removals of an overwrite, and the import's final status
10. ``phases/error_files.py``       every row set aside, with what to do about it

``orchestration/journey.py`` walks an import through these stops and ``orchestration/ops.py`` shows them to
Dagster; ``api`` and ``cli`` are ways in. ``model/`` and ``schemas/`` say what all of them speak of.
"""

import os

# Arrow's own allocators keep what they freed; with the system's, an import peaks some 60 MB lower and is no
# slower. Read when pyarrow is first imported, so a user's own choice wins.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
