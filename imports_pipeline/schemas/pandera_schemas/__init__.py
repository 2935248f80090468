"""The Pandera schemas of the resources, built from the catalog."""
