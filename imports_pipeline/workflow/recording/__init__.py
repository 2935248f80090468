"""What the phases of an import leave: their reports, and the memory of a completed one."""
