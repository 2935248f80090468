"""The three phases of an import, in the order in which a row meets them: prevalidation, preparsing, transforming."""
