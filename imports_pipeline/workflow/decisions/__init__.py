"""What people decide about a plan that they have seen: to carry it out, to correct its rows, or to reject it."""
