from __future__ import annotations

import os
import socket
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planloom.errors import ForbiddenPathError, PlanloomError, RegistrationError, SkillError, TooLargeError
from planloom.skills import FileSkill


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def files(root: Path) -> FileSkill:
    return FileSkill(root, max_bytes=1000)


def calls(files: FileSkill, path: str) -> list[Callable[[], object]]:
    """Every function of the skill on one path."""
    return [
        lambda: files.read(path),
        lambda: files.write(path, "x"),
        lambda: files.append(path, "x"),
        lambda: files.list_files(path),
        lambda: files.exists(path),
    ]


def test_what_is_written_is_read(files: FileSkill, root: Path) -> None:
    assert files.write("a.txt", "line 1\r\nzwei 赵\n") == "a.txt"
    assert files.read("a.txt") == "line 1\r\nzwei 赵\n"
    assert (root / "a.txt").read_bytes() == "line 1\r\nzwei 赵\n".encode()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_comes_back_verbatim(content: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = FileSkill(folder)
        files.write("x", content)
        files.append("x", content)
        assert files.read("x") == content * 2


def test_writing_replaces_and_creates_folders(files: FileSkill, root: Path) -> None:
    files.write("a/b/c.txt", "long old content")
    files.write("a/b/c.txt", "new")
    assert files.read("a/b/c.txt") == "new"
    assert [each.name for each in (root / "a/b").iterdir()] == ["c.txt"]


def test_writing_keeps_the_permissions_of_the_file(files: FileSkill, root: Path) -> None:
    files.write("run.sh", "1")
    (root / "run.sh").chmod(0o754)
    files.write("run.sh", "2")
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o754


def test_appending_creates_the_file(files: FileSkill) -> None:
    assert files.append("logs/a.txt", "1") == "logs/a.txt"
    files.append("logs/a.txt", "2")
    assert files.read("logs/a.txt") == "12"


def test_a_number_is_written_as_text(files: FileSkill) -> None:
    number: Any = 42
    assert files.write(number, number) == "42"
    files.append(number, number)
    assert files.read(number) == "4242"


def test_listing_and_existence(files: FileSkill, root: Path) -> None:
    files.write("b.txt", "")
    files.write("a/x.txt", "")
    (root / "link").symlink_to(root.parent)
    assert files.list_files() == ["a/", "b.txt", "link"]
    assert files.list_files("a") == files.list_files("a/") == files.list_files("./a") == ["x.txt"]
    assert files.exists("a")
    assert files.exists("a/x.txt")
    assert files.exists("")
    assert not files.exists("nothing/here")


@pytest.mark.parametrize(
    "path",
    [
        *("..", "../secret.txt", "a/../../secret.txt", "a/..", "./../secret.txt", "a/b/../../../secret.txt"),
        *("/etc/passwd", "//etc/passwd", "C:/x", "C:x", "\\\\host\\share", "\\x", "..\\secret.txt", "a\\b"),
        *("a\0b", "x" * 1001, "\udc80"),
    ],
)
def test_paths_out_of_the_root_are_refused(files: FileSkill, root: Path, path: str) -> None:
    for call in calls(files, path):
        with pytest.raises(ForbiddenPathError) as caught:
            call()
        assert caught.value.path == path
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("link_to", ["secret.txt", ".", "not there", "/etc/passwd"])
def test_links_out_of_the_root_are_refused(files: FileSkill, root: Path, link_to: str) -> None:
    (root / "link").symlink_to(root.parent / link_to)
    for path in ("link", "link/x"):
        for call in calls(files, path):
            with pytest.raises(ForbiddenPathError, match="a link leads out"):
                call()
    assert sorted(each.name for each in root.parent.iterdir()) == ["root", "secret.txt"]


def test_links_in_a_circle_are_refused(files: FileSkill, root: Path) -> None:
    (root / "a").symlink_to(root / "b")
    (root / "b").symlink_to(root / "a")
    with pytest.raises(SkillError):
        files.read("a")


def test_links_within_the_root_are_followed(files: FileSkill, root: Path) -> None:
    files.write("a.txt", "old")
    (root / "link").symlink_to("a.txt")
    assert files.read("link") == "old"
    files.write("link", "new")
    assert files.read("a.txt") == "new"
    assert (root / "link").is_symlink()


def test_a_root_that_is_a_link_is_its_target(root: Path) -> None:
    (root.parent / "alias").symlink_to(root)
    files = FileSkill(str(root.parent / "alias"))
    files.write("x", "1")
    assert files.read("x") == "1"


def test_pipes_and_sockets_are_refused_without_waiting(files: FileSkill, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        home = Path.cwd()
        os.chdir(root)  # the address of a socket may hold about 100 characters only
        try:
            server.bind("socket")
        finally:
            os.chdir(home)
        for path in ("pipe", "socket"):
            for call in calls(files, path)[:3]:
                with pytest.raises(ForbiddenPathError, match="not a regular file"):
                    call()


@pytest.mark.parametrize("path", ["", ".", "folder"])
def test_a_folder_is_no_file(files: FileSkill, root: Path, path: str) -> None:
    (root / "folder").mkdir()
    for call in calls(files, path)[:3]:
        with pytest.raises(ForbiddenPathError, match="it is a folder"):
            call()


def test_a_missing_file_is_named(files: FileSkill) -> None:
    with pytest.raises(SkillError, match=r"File.read found no 'x.txt'. File.list shows"):
        files.read("x.txt")
    with pytest.raises(SkillError, match=r"File.list found no 'x'"):
        files.list_files("x")


def test_a_file_is_no_folder(files: FileSkill) -> None:
    files.write("a", "")
    for call in (
        lambda: files.write("a/b", ""),
        lambda: files.append("a/b", ""),
        lambda: files.list_files("a"),
    ):
        with pytest.raises(SkillError, match="failed on 'a"):
            call()


def test_names_that_the_system_refuses_are_named(files: FileSkill) -> None:
    for call in calls(files, "x" * 300)[:3]:
        with pytest.raises(SkillError, match="failed on"):
            call()


def test_what_is_no_utf8_is_named(files: FileSkill, root: Path) -> None:
    (root / "image").write_bytes(b"ab\xff")
    with pytest.raises(SkillError, match=r"it is not UTF-8 text \(byte 2\)"):
        files.read("image")
    for call in (files.write, files.append):
        with pytest.raises(SkillError, match="character 1 has no place in UTF-8"):
            call("x", "a\ud800")
    assert not files.exists("x")


def test_the_limit_counts_bytes(files: FileSkill, root: Path) -> None:
    files.write("full", "é" * 500)
    assert files.read("full") == "é" * 500
    for call in (files.write, files.append):
        with pytest.raises(TooLargeError, match="larger than 1000 bytes") as caught:
            call("more", "é" * 501)
        assert caught.value.limit == 1000
    with pytest.raises(TooLargeError):
        files.append("full", "x")
    (root / "large").write_bytes(b"x" * 1001)
    with pytest.raises(TooLargeError):
        files.read("large")
    assert files.read("full") == "é" * 500
    assert not files.exists("more")


def test_a_failed_write_leaves_the_old_content(
    files: FileSkill, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write("a", "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SkillError, match="No space left on device"):
        files.write("a", "new")
    assert (root / "a").read_text() == "old"
    assert [each.name for each in root.iterdir()] == ["a"]


@pytest.mark.parametrize("name", ["missing", "secret.txt"])
def test_the_root_must_be_a_folder(root: Path, name: str) -> None:
    with pytest.raises(RegistrationError, match="needs a folder"):
        FileSkill(root.parent / name)


@given(st.text(max_size=30))
def test_any_path_stays_inside_or_is_refused(path: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, "root")
        inside.mkdir()
        files = FileSkill(inside)
        try:
            files.write(path, "x")
        except PlanloomError:
            pass
        else:
            assert files.read(path) == "x"
        assert os.listdir(folder) == ["root"]
