"""Where records begin and end: the quotes and line ends of a block, and the places where a file may be cut."""
