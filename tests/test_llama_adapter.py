"""Adapters: kept as 8-bit numbers, written as the file that llama.cpp reads."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

numpy = pytest.importorskip("numpy")

from planloom.errors import ModelNotFoundError  # noqa: E402
from planloom.services.llama_adapter import adapter_file, pack, unpack  # noqa: E402
from planloom.services.llama_files import ADAPTERS  # noqa: E402


def test_packing_keeps_the_matrices_but_for_rounding() -> None:
    chance = numpy.random.default_rng(1)
    matrices = {
        "blk.0.attn_q.weight.lora_a": chance.normal(size=(4, 32)).astype("float32"),
        "blk.0.attn_q.weight.lora_b": chance.normal(size=(48, 4)).astype("float32"),
    }
    packed = pack(matrices)
    found = unpack(packed)
    assert packed["values"].dtype == numpy.int8
    assert list(found) == list(matrices)
    for name, matrix in matrices.items():
        assert found[name].shape == matrix.shape
        assert numpy.abs(found[name] - matrix).max() < numpy.abs(matrix).max() / 100


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_an_adapter_is_written_once(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = adapter_file(name)
    written = made.stat().st_mtime_ns
    magic, version, tensors, keys = struct.unpack("<4sIQQ", made.read_bytes()[:24])
    assert (magic, version, tensors, keys) == (b"GGUF", 3, 420, 4)
    assert adapter_file(name) == made
    assert made.stat().st_mtime_ns == written
    assert list(made.parent.iterdir()) == [made]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(ModelNotFoundError, match="cannot be written"):
        adapter_file("drafts")
