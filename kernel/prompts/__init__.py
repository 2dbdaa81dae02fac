"""Prompts: templates, the messages they render to, and the configs and folders they come in."""

from planloom.prompts.config import PromptConfig, read_config
from planloom.prompts.folder import SkillFolder, read_prompt_folder, read_prompt_yaml, read_skill_folder
from planloom.prompts.inputs import PromptInput
from planloom.prompts.messages import parse_messages
from planloom.prompts.template import FunctionCaller, PromptTemplate, compile_template

__all__ = [
    "FunctionCaller",
    "PromptConfig",
    "PromptInput",
    "PromptTemplate",
    "SkillFolder",
    "compile_template",
    "parse_messages",
    "read_config",
    "read_prompt_folder",
    "read_prompt_yaml",
    "read_skill_folder",
]
