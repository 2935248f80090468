"""What is in ``deploy/``: it names what there is, and nothing of it is loaded unless it is chosen."""
