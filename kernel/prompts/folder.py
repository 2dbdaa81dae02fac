"""Prompt functions on disk: ``<Function>/skprompt.txt`` with ``config.json``, and YAML prompts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from planloom.errors import InvalidNameError, PromptConfigError
from planloom.names import check_name
from planloom.prompts.config import PromptConfig, read_config
from planloom.prompts.files import read_text

__all__ = ["SkillFolder", "read_prompt_folder", "read_prompt_yaml", "read_skill_folder"]

TEMPLATE_FILE = "skprompt.txt"
CONFIG_FILE = "config.json"
DESCRIPTION_FILE = "description.txt"
YAML_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """The prompt functions of one folder; ``description`` is what its ``description.txt`` says, or empty."""

    name: str
    prompts: tuple[PromptConfig, ...]
    path: Path
    description: str = ""


def read_skill_folder(path: str | os.PathLike[str]) -> SkillFolder:
    """Read every prompt function of a skill: sub-folders that hold ``skprompt.txt``, and YAML files.

    Nothing else in the folder is looked at; Python files are never imported. Names that start with a dot or
    ``__`` are passed over.

    Raises:
        PromptConfigError: there is no such folder, it holds no prompt, or some are broken; then the message
            lists every broken one with its path.
    """
    root = Path(path)
    if not root.is_dir():
        raise PromptConfigError(f"{root} is not a folder; give the folder that holds the prompts.", root)
    prompts: list[PromptConfig] = []
    faults: list[str] = []
    for read, entry in _entries(_listing(root)):
        try:
            prompts.append(read(entry, root))
        except PromptConfigError as error:
            faults.append(str(error))
    faults += _clashes(prompts)
    if faults:
        raise PromptConfigError(_listed(root, faults), root)
    if not prompts:
        raise PromptConfigError(
            f"{root} holds no prompt: neither <Function>/{TEMPLATE_FILE} nor a YAML file.", root
        )
    return SkillFolder(root.resolve().name, tuple(prompts), root, _description(root))


_Reader = Callable[[Path, Path], PromptConfig]


def _listing(root: Path) -> list[Path]:
    try:
        return sorted(root.iterdir())
    except OSError as error:
        raise PromptConfigError(f"{root} cannot be read: {error}.", root) from error


def _entries(listing: list[Path]) -> Iterator[tuple[_Reader, Path]]:
    for entry in listing:
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            if os.path.lexists(entry / TEMPLATE_FILE):
                yield _read_folder, entry
        elif entry.suffix.lower() in YAML_SUFFIXES:
            yield _read_yaml, entry


def _clashes(prompts: list[PromptConfig]) -> Iterator[str]:
    seen: set[str] = set()
    for prompt in prompts:
        if prompt.name.lower() in seen:
            yield f"{prompt.name}: two prompts have this name; names are compared without regard to case."
        seen.add(prompt.name.lower())


def _listed(root: Path, faults: list[str]) -> str:
    if len(faults) == 1:
        return faults[0]
    return "\n  - ".join([f"{root}: {len(faults)} prompts cannot be read, so none is registered:", *faults])


def _description(root: Path) -> str:
    file = root / DESCRIPTION_FILE
    return read_text(file, root).strip() if os.path.lexists(file) else ""


def read_prompt_folder(path: str | os.PathLike[str]) -> PromptConfig:
    """Read one prompt function: ``skprompt.txt`` and ``config.json``. The folder's name is the function's.

    Raises:
        PromptConfigError: a file is missing, too large, not UTF-8 or outside of the folder, or the config or
            template is wrong.
    """
    return _read_folder(Path(path), Path(path))


def _read_folder(folder: Path, root: Path) -> PromptConfig:
    template_file, config_file = folder / TEMPLATE_FILE, folder / CONFIG_FILE
    template = read_text(template_file, root)
    data = _parse(config_file, root, _load_json)
    config = read_config({**data, "template": template}, source=config_file)
    return _named(config, folder.resolve().name if folder == root else folder.name, folder)


def read_prompt_yaml(path: str | os.PathLike[str]) -> PromptConfig:
    """Read one prompt function from a YAML file, with ``name`` and ``template`` in it.

    Raises:
        PromptConfigError: as for `read_prompt_folder`; also a YAML alias, which could unfold to any size.
    """
    return _read_yaml(Path(path), Path(path).parent)


def _read_yaml(file: Path, root: Path) -> PromptConfig:
    from planloom.prompts.yaml_loader import load_yaml

    data = _parse(file, root, load_yaml)
    for key in ("name", "template"):
        if not data.get(key):
            raise PromptConfigError(
                f"{file}: {key} is missing; a YAML prompt has a name and a template.", file
            )
    config = read_config(data, source=file)
    return _named(config, config.name, file)


def _named(config: PromptConfig, name: str, source: Path) -> PromptConfig:
    try:
        return replace(config, name=check_name(name, "function"))
    except InvalidNameError as error:
        raise PromptConfigError(f"{source}: {error}", source) from error


def _load_json(text: str) -> Any:
    return json.loads(text)


def _parse(file: Path, root: Path, load: Callable[[str], Any]) -> dict[str, Any]:
    text = read_text(file, root)
    try:
        data = load(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise PromptConfigError(f"{file} cannot be read: {reason}.", file) from error
    if isinstance(data, dict):
        return data
    raise PromptConfigError(f"{file} must hold one object with keys such as description.", file)
