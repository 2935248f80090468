"""Whole journeys: a file goes in, and what is stored, reported and written to the errors files is looked at."""

from imports_pipeline_tests.journeys.imports import Imports

__all__ = ["Imports"]
