"""What keeps an overwrite from removing too much: guards, dry runs, and what rejected rows protect."""
