"""Tests of the pages: a real browser, the real API, PostgreSQL and file store."""
