"""Plans kept as files: with their history, found by a goal, run as functions."""
