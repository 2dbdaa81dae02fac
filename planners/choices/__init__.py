"""Planning by closed choices: a small model writes no plan, it says which of some answers is likelier."""

from planloom.planners.choices.chain import Choices

__all__ = ["Choices"]
