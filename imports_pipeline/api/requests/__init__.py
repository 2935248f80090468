"""What requests contain: bodies, parameters, inline data, and the import they ask for."""
