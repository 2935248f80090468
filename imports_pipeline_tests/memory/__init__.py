"""Tests of memories of imports."""
