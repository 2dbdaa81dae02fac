"""Measuring planners: goals with gold plans, scores and reports."""
