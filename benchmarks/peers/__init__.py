"""What the benchmark holds ours against: each module is a whole process that brings a file into PostgreSQL.

Each takes ``CASE URL FILE…`` and uses the tool the way its documentation recommends for this, at its fastest.
"""
