"""The three phases of an import, in a row's order: prevalidation, preparsing, transforming."""
