"""Known files: exports of other products, one YAML file each, and what a recognised one says of its columns."""
