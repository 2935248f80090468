"""CSV text to records: an index of structural bytes, a parser for plain records, a reference parser for the rest."""
