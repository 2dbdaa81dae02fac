"""Prompt functions on disk."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from planloom.errors import PromptConfigError
from planloom.prompts import PromptInput, read_prompt_folder, read_prompt_yaml, read_skill_folder
from planloom.prompts.files import MAX_FILE_BYTES
from planloom.services.protocol import Settings

YAML_PROMPT = """\
name: Haiku
description: Writes a haiku
template: |
  <message role="user">About {{$input}}: {{$tone}}</message>
template_format: semantic-kernel
input_variables:
  - name: input
    description: Subject
  - name: tone
    default: "calm"
    is_required: false
execution_settings:
  default:
    temperature: 0.7
    max_tokens: 60
"""


def write_prompt(folder: Path, template: str = "{{$input}}", **config: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "skprompt.txt").write_text(template, encoding="utf-8")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    folder = tmp_path / "FunSkill"
    write_prompt(folder / "Joke", "A joke about {{$input}}", description="Tells a joke", name="ignored")
    (folder / "haiku.yaml").write_text(YAML_PROMPT, encoding="utf-8")
    return folder


def test_reads_folders_and_yaml(skill: Path) -> None:
    (skill / "description.txt").write_text("Fun.\n", encoding="utf-8")
    read = read_skill_folder(skill)
    assert (read.name, read.description, read.path) == ("FunSkill", "Fun.", skill)
    joke, haiku = read.prompts
    assert (joke.name, joke.description, joke.template) == ("Joke", "Tells a joke", "A joke about {{$input}}")
    assert haiku.name == "Haiku"


def test_reads_yaml(skill: Path) -> None:
    haiku = read_prompt_yaml(skill / "haiku.yaml")
    assert haiku.inputs == (
        PromptInput("input", "Subject"),
        PromptInput("tone", default="calm", required=False),
    )
    assert haiku.settings == {"default": Settings(temperature=0.7, max_tokens=60)}


def test_yaml_and_json_of_the_same_prompt_are_the_same(tmp_path: Path) -> None:
    import yaml

    data = yaml.safe_load(YAML_PROMPT)
    folder = write_prompt(tmp_path / "Haiku", data.pop("template"), **data)
    (tmp_path / "haiku.yml").write_text(YAML_PROMPT, encoding="utf-8")
    assert read_prompt_folder(folder) == read_prompt_yaml(tmp_path / "haiku.yml")


def test_passes_over_what_is_no_prompt(skill: Path) -> None:
    (skill / "__pycache__").mkdir()
    (skill / ".hidden").mkdir()
    (skill / ".hidden" / "skprompt.txt").touch()
    (skill / "images").mkdir()
    (skill / "notes.md").write_text("notes", encoding="utf-8")
    assert [prompt.name for prompt in read_skill_folder(skill).prompts] == ["Joke", "Haiku"]


def test_python_files_are_never_imported(skill: Path) -> None:
    for place in (skill, skill / "Joke"):
        for name in ("native_function.py", "__init__.py", "config.py"):
            (place / name).write_text("raise SystemExit('imported')", encoding="utf-8")
    before = set(sys.modules)
    read_skill_folder(skill)
    assert not {name for name in set(sys.modules) - before if "native_function" in name}


def test_byte_order_mark_and_line_ends(tmp_path: Path) -> None:
    folder = write_prompt(tmp_path / "Joke")
    (folder / "skprompt.txt").write_bytes(b"\xef\xbb\xbfone\r\n{{$input}}")
    assert read_prompt_folder(folder).template == "one\n{{$input}}"


def test_lists_every_fault_and_reads_nothing(skill: Path) -> None:
    write_prompt(skill / "BadTemplate", "{{$a-b}}")
    write_prompt(skill / "bad-name")
    write_prompt(skill / "BadJson").joinpath("config.json").write_text("{,}", encoding="utf-8")
    write_prompt(skill / "NoConfig").joinpath("config.json").unlink()
    (skill / "broken.yml").write_text("a: [", encoding="utf-8")
    with pytest.raises(PromptConfigError) as caught:
        read_skill_folder(skill)
    message = str(caught.value)
    assert message.startswith(f"{skill}: 5 prompts cannot be read")
    for part in ("BadTemplate", "bad-name", "BadJson", "NoConfig", "broken.yml"):
        assert str(skill / part) in message
    assert "Joke" not in message
    assert caught.value.subject == skill


def test_two_prompts_of_one_name(skill: Path) -> None:
    write_prompt(skill / "HAIKU")
    with pytest.raises(PromptConfigError, match="two prompts have this name"):
        read_skill_folder(skill)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(PromptConfigError, match="is not a folder"):
        read_skill_folder(tmp_path / "nowhere")
    with pytest.raises(PromptConfigError, match=r"skprompt\.txt is missing"):
        read_prompt_folder(tmp_path / "nowhere")
    with pytest.raises(PromptConfigError, match="is missing"):
        read_prompt_yaml(tmp_path / "nowhere.yaml")


def test_nothing_found(tmp_path: Path) -> None:
    with pytest.raises(PromptConfigError, match="holds no prompt"):
        read_skill_folder(tmp_path)


@pytest.mark.parametrize("name", ["skprompt.txt", "config.json"])
def test_a_link_out_of_the_folder_is_refused(skill: Path, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("{}", encoding="utf-8")
    (skill / "Joke" / name).unlink()
    (skill / "Joke" / name).symlink_to(secret)
    with pytest.raises(PromptConfigError, match="leads out of"):
        read_skill_folder(skill)
    with pytest.raises(PromptConfigError, match="leads out of"):
        read_prompt_folder(skill / "Joke")


def test_linked_folders(skill: Path, tmp_path: Path) -> None:
    outside = write_prompt(tmp_path / "Outside")
    (tmp_path / "link").symlink_to(skill)
    assert read_skill_folder(tmp_path / "link").name == "FunSkill"
    (skill / "Again").symlink_to(skill / "Joke")
    assert {prompt.name for prompt in read_skill_folder(skill).prompts} == {"Again", "Haiku", "Joke"}
    (skill / "Linked").symlink_to(outside)
    with pytest.raises(PromptConfigError, match="leads out of"):
        read_skill_folder(skill)


def test_a_loop_of_links(skill: Path) -> None:
    (skill / "loop.yaml").symlink_to(skill / "loop.yaml")
    with pytest.raises(PromptConfigError, match=r"loop\.yaml"):
        read_skill_folder(skill)


def test_not_regular_files(skill: Path) -> None:
    os.mkfifo(skill / "pipe.yaml")
    (skill / "Joke" / "skprompt.txt").unlink()
    (skill / "Joke" / "skprompt.txt").mkdir()
    with pytest.raises(PromptConfigError, match=r"skprompt\.txt is not a file[^$]*pipe\.yaml is not a file"):
        read_skill_folder(skill)


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"x" * (MAX_FILE_BYTES + 1), "is larger than 2048 KiB"), (b"caf\xe9", "is not UTF-8")],
)
def test_files_that_are_not_prompts(skill: Path, content: bytes, fault: str) -> None:
    (skill / "Joke" / "skprompt.txt").write_bytes(content)
    with pytest.raises(PromptConfigError, match=fault):
        read_skill_folder(skill)


@pytest.mark.parametrize("text", ["", "[]", "5", "null", '{"a":', "[" * 100_000])
def test_config_that_is_no_object(skill: Path, text: str) -> None:
    (skill / "Joke" / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(PromptConfigError, match=r"config\.json"):
        read_skill_folder(skill)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "one object"),
        ("- a", "one object"),
        ("template: x", "name is missing"),
        ("name: x", "template is missing"),
        ("name: two words\ntemplate: x", "cannot be the name"),
        ("name: 5\ntemplate: x", "name must be text"),
        ("name: x\ntemplate: x\ninput_variables: [{name: a, default: 2024-01-01}]", "default must be text"),
        ("a: &a [1]\nb: *a", "aliases"),
        ("name: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("name: !!bool maybe", "maybe"),
        ("name: !!timestamp never", "cannot be read"),
        ("[" * 5_000, "nested too deeply"),
        ("name: x\ntemplate_format: handlebars\ntemplate: x", "not supported"),
    ],
)
def test_yaml_that_is_no_prompt(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PromptConfigError, match=fault) as caught:
        read_skill_folder(tmp_path)
    assert str(file) in str(caught.value)
