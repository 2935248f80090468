"""Where the file of an import comes from: paths and URIs, part files, upload URLs, dropped files, syncs."""
