"""The resources: the catalog of their fields, and the checks that turn the cells of a row into canonical values.

``column_mapping/`` finds the field of each header, ``check.py`` checks a batch of rows.
"""
