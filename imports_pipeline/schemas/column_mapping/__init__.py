"""Column mapping: which field each column of a file stands for, and how cells become one column a field.

1. ``aliases.py``        names of fields, and what people call them: the documented CSV
2. ``header_words.py``   what any other header says by its words (``vocabulary.py``, ``languages/``, ``meanings.py``)
3. ``mapping.py``        header, sample and preset become the plan; ``rules.py`` has what documented names do not say
4. ``plan.py``           where each field is read from: a column, several joined, a template, a family of columns
5. ``field_values.py``   a batch of cells becomes one column a field
6. ``families.py``       values of several columns (``E-mail 1``, ``E-mail 2`` …) go to their fields row by row

Everything here is pure: header texts and Arrow columns in, plans and Arrow columns out.
"""
