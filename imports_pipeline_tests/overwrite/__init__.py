"""An overwrite can be trusted: planned, guarded, approved, taken back, and whole whatever dies."""

from imports_pipeline_tests.overwrite.runs import Runs

__all__ = ["Runs"]
