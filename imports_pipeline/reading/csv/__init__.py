"""CSV text to records.

``scan`` reads a file block by block: ``window`` (bytes to UTF-8), ``structural_index``, ``quote_parity`` and
``record_finder`` (plain records), ``reference_parser`` with ``tokenizer`` (all other records), ``arrow_parser``
(plain records to columns), ``malformed_records`` (the errors).
"""
