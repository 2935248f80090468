"""Column mapping: which field each column of a file stands for, and how cells become one column a field.

1. ``meanings.py``       what a header says: a kind (email, phone, address, name …), a slot, a part, a number
2. ``plan.py``           where each field is read from: a column, several joined, a template, a family of columns
3. ``presets.py``        what is known about the files of one product, in the shape in which the plan takes it
4. ``families.py``       values of several columns (``E-mail 1``, ``E-mail 2`` …) go to their fields row by row
5. ``field_values.py``   a batch of cells becomes one column a field

Everything here is pure: header texts and Arrow columns in, plans and Arrow columns out.
"""
