"""Column mapping: which field each column of a file stands for, and how cells become one column a field.

1. ``headers/``          names of fields and their aliases; what any other header means by its words (``languages/``)
2. ``known_files/``      exports of other products, recognised by their headers, and what is known of their columns
3. ``mapping.py``        header, sample and known file become the plan; ``rules.py`` reads the words of headers
4. ``plan.py``           where each field is read from: a column, several joined, a template, a family of columns
5. ``field_values.py``   a batch of cells becomes one column a field
6. ``families/``         values of several columns (``E-mail 1``, ``E-mail 2`` …) go to their fields row by row

Everything here is pure: header texts and Arrow columns in, plans and Arrow columns out.
"""
