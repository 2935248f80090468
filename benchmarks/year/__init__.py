"""Measures what a year of use costs: the same work in a new installation and in one that was used for a year.

The new installation is not quite empty. It holds one page of everything that a page shows: 30 imports, their runs, and
the files that one organization has dropped. Otherwise the rows of the page itself would be measured. The other
installation has the same page, and the year before it.

Both installations are alive at the same time, each with a server of its own, and each piece of work is done in turn in
both of them, so other work on the machine disturbs both alike.
"""
