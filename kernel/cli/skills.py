"""Loads the skills that ``--skill`` names. A file is run only because the person at the keyboard named it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from types import ModuleType

from planloom import skills as shipped
from planloom.cli.errors import SkillSourceError
from planloom.decorator import declaration_of
from planloom.errors import RegistrationError
from planloom.kernel import Kernel
from planloom.names import nearest

__all__ = ["add_skills", "make_importable", "named_object"]

SHIPPED = "planloom.skills"


def add_skills(kernel: Kernel, sources: Sequence[str]) -> None:
    """Register what each ``--skill`` names.

    Raises:
        SkillSourceError: it names nothing, its file cannot be run, or it cannot be registered.
    """
    modules: dict[Path, ModuleType] = {}
    for source in sources:
        try:
            for name, found in _found(source, modules):
                kernel.add_skill(found, name)
        except RegistrationError as error:
            raise SkillSourceError(source, f"{error}{_how_to_configure(error.subject)}") from error


def named_object(source: str) -> object:
    """What ``FILE.py:NAME`` or ``PACKAGE.MODULE:NAME`` names; raises ``SkillSourceError``."""
    place, colon, attribute = source.rpartition(":")
    if not colon or not attribute or place == SHIPPED:
        raise SkillSourceError(source, "write it as FILE.py:NAME or PACKAGE.MODULE:NAME.")
    return next(found for _, found in _found(source, {}))


def _how_to_configure(subject: object) -> str:
    if not isinstance(subject, type):
        return ""
    return f" On the command line: write skill = {subject.__name__}(...) in a file, and name FILE.py:skill."


Named = tuple[str | None, object]


def _found(source: str, modules: dict[Path, ModuleType]) -> Iterator[Named]:
    """The skills of one source, each with a name if it has none of its own."""
    place, colon, attribute = source.rpartition(":")
    if not colon or (len(place) == 1 and place.isalpha()):  # C:\skills.py
        place, attribute = source, ""
    path = Path(place).expanduser()
    if path.is_dir() and not attribute:
        yield None, path.resolve()
    elif place.endswith(".py"):
        yield from _members(source, _load_file(source, path, modules), attribute)
    elif not attribute:
        yield None, _shipped(source, place)
    elif place == SHIPPED:
        yield None, _shipped(source, attribute)
    else:
        yield from _members(source, _import(source, place), attribute)


def _members(source: str, module: ModuleType, attribute: str) -> Iterator[Named]:
    if not attribute:
        yield from _all_skills(source, module)
        return
    if not hasattr(module, attribute):
        known = [name for name in vars(module) if not name.startswith("_")]
        raise SkillSourceError(source, f"it has no {attribute}.{_did_you_mean(attribute, known)}")
    found = getattr(module, attribute)
    yield (attribute if isinstance(found, dict) else None), found


def _all_skills(source: str, module: ModuleType) -> Iterator[Named]:
    """The classes of a file that have declared functions, and the file itself if it has some."""
    own = {name: item for name, item in vars(module).items() if _defined_in(item, module)}
    classes = [item for item in own.values() if isinstance(item, type) and _declares(item)]
    has_functions = any(declaration_of(item) for item in own.values())
    if not classes and not has_functions:
        raise SkillSourceError(source, "nothing in it has @kernel_function on its functions.")
    yield from ((None, item) for item in classes)
    if has_functions:
        yield Path(str(module.__file__)).stem, module


def _defined_in(item: object, module: ModuleType) -> bool:
    return getattr(item, "__module__", None) == module.__name__


def _declares(kind: type) -> bool:
    return any(declaration_of(getattr(item, "__func__", item)) for item in vars(kind).values())


def _load_file(source: str, path: Path, modules: dict[Path, ModuleType]) -> ModuleType:
    if not path.is_file():
        raise SkillSourceError(source, f"there is no file {path}.")
    resolved = path.resolve()
    if resolved not in modules:
        modules[resolved] = _run_file(source, resolved)
    return modules[resolved]


def _run_file(source: str, path: Path) -> ModuleType:
    # a name that no import statement can clash with, found again by dataclasses and pydantic in sys.modules
    name = f"planloom_skill_file:{path}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SkillSourceError(source, f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    make_importable(path.parent)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise SkillSourceError(source, _where(error, path)) from error
    return module


def _import(source: str, name: str) -> ModuleType:
    make_importable(Path.cwd())
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and name.startswith(error.name):
            raise SkillSourceError(source, f"there is no module {error.name} here or installed.") from error
        raise SkillSourceError(source, _where(error, None)) from error


def make_importable(folder: Path) -> None:
    """Let a file import its neighbours; at the end of the path, so that none of them hides a library."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _where(error: BaseException, path: Path | None) -> str:
    """What a file raised, with the file and line."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if path is None or frame.filename == str(path)]
    place = f"{own[-1].filename}:{own[-1].lineno}: " if own else ""
    return f"{place}{type(error).__name__}: {error}"


def _shipped(source: str, name: str) -> object:
    """A skill that ships, native or a folder of prompts, by its name."""
    native = {spelled: kind for kind in shipped.__all__ for spelled in (kind, kind.removesuffix("Skill"))}
    folder = Path(str(files(SHIPPED).joinpath("prompts")))
    prompts = {item.name: item for item in sorted(folder.iterdir()) if item.is_dir()}
    if name in native:
        return getattr(shipped, native[name])
    if name in prompts:
        return prompts[name]
    known = [*shipped.__all__, *prompts]
    raise SkillSourceError(
        source,
        f"there is no such file or folder, and no skill of that name ships.{_did_you_mean(name, known)} "
        f"These ship: {', '.join(known)}.",
    )


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    similar = nearest(name, known)
    return f" Did you mean {' or '.join(similar)}?" if similar else ""
