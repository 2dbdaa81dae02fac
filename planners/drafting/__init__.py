"""The strategy ``draft``: a small model that was tuned for it writes a plan's calls line by line."""

from planloom.planners.drafting.drafting import Drafting

__all__ = ["Drafting"]
