"""Whose row it is: the stored record of each row, and the records that rejected rows protect from removal."""
