"""The tools with which the benchmark compares: each module is a program that loads files into PostgreSQL.

Each takes ``CASE URL FILE…`` and uses the tool the way its documentation recommends for this, at its fastest.
"""
