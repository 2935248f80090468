"""What contacts, groups and locations are: the catalog of their fields, and the Pandera checks of a row."""
