"""Which field each column of a file is: names and aliases of fields, and the mapping of a header."""
