"""Tests of what is dropped into the folders of uploads."""
