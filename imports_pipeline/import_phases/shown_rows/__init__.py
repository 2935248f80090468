"""The first rows of an import as it understood them, for people who check the columns."""
