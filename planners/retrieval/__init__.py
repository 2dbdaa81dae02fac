"""Choosing the functions that matter for a goal, out of thousands."""
