"""Headers: names of fields and their aliases, and what the words of any other header mean."""
