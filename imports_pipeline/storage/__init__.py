"""Where things are kept: the database and its migrations, the registry of imports, the file store."""
