"""What the phases leave in an import's folder: accepted and rejected rows, rejections, items, errors files."""
