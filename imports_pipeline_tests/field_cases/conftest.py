"""What these tests run on."""

from imports_pipeline_tests.overwrite.conftest import runs

__all__ = ["runs"]
