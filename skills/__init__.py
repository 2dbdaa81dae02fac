"""Skills that ship: native ones here, prompt skills as folders in ``prompts/``.

Each class is registered with ``kernel.add_skill(TextSkill())`` and called ``Text`` in plans, and so on.
"""

from planloom.skills.conversation import ConversationSummarySkill
from planloom.skills.data import DataSkill
from planloom.skills.file import FileSkill
from planloom.skills.http import HttpSkill
from planloom.skills.math import MathSkill
from planloom.skills.text import TextSkill
from planloom.skills.time import TimeSkill
from planloom.skills.wait import WaitSkill

__all__ = [
    "ConversationSummarySkill",
    "DataSkill",
    "FileSkill",
    "HttpSkill",
    "MathSkill",
    "TextSkill",
    "TimeSkill",
    "WaitSkill",
]
