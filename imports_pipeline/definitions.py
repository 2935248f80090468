"""Dagster's entry: the definitions of this installation."""

from imports_pipeline.defs.build import build_definitions
from imports_pipeline.settings import Settings

defs = build_definitions(syncs=Settings.read().syncs)
