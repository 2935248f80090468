"""CSV text to records.

``scan`` reads a file block by block. ``records/`` finds where records begin and end: ``window`` (bytes to UTF-8),
``structural_index``, ``quote_parity`` and ``record_finder`` (plain records). ``reference_parser`` with ``tokenizer``
parses all other records, ``arrow_parser`` turns plain records into columns, ``malformed_records`` reports the errors.
"""
