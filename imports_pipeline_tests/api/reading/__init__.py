"""Tests of the routes that read keys, resources, and what an import has found in its file."""
