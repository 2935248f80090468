"""Families: several columns of one kind (``E-mail 1``, ``E-mail 2`` …), whose values go to the fields of that kind."""
