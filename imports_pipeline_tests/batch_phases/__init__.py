"""Tests of the phases of a batch, below whole imports."""
