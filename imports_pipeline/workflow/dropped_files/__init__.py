"""Files that were dropped into the upload bucket: their listing, what is done with each, and the answer beside it."""
