"""What the commands do, a module for each topic. A module is imported when its command runs."""
