"""Adapters: small additions to a model's weights (LoRA) that tune it for one task.

planloom brings one for the bundled model, of 2 MB, that makes it write plans. It is kept as 8-bit numbers,
and turned once into the file that llama.cpp reads, in the user's cache.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import os
import struct
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from planloom.errors import ModelNotFoundError
from planloom.services.llama_files import ADAPTERS, cache_folder

__all__ = ["adapter_file", "load_adapter", "pack", "unpack"]

Matrices = Mapping[str, NDArray[Any]]
"""The two factors of each addition, by the name of the weight and ``.lora_a`` or ``.lora_b``."""
ALPHA = 16.0
ALIGNMENT = 32
MAGIC, VERSION = b"GGUF", 3
FLOAT32, STRING = 6, 8
HALF = 1


def adapter_file(name: str) -> Path:
    """The file of an adapter, made in the user's cache when it is not there.

    Raises:
        ModelNotFoundError: it cannot be written.
    """
    source = files("planloom.services").joinpath("adapters", ADAPTERS[name]).read_bytes()
    target = cache_folder() / "models" / f"{name}-{hashlib.sha256(source).hexdigest()[:12]}.gguf"
    if not target.is_file():
        try:
            _write(source, target)
        except OSError as error:
            said = f"the adapter {name!r} cannot be written to {target.parent}: {error}"
            raise ModelNotFoundError("llama", said) from error
    return target


def load_adapter(path: Path, model: Any, context: Any, library: Any, service: str) -> None:
    """Add an adapter to a model, for all that ``context`` evaluates; it is freed with the model.

    Raises:
        ModelNotFoundError: the file is no adapter for this model.
    """
    adapter = library.llama_adapter_lora_init(model, os.fsencode(path))
    adapters = (library.llama_adapter_lora_p_ctypes * 1)(adapter)
    if not adapter or library.llama_set_adapters_lora(context, adapters, 1, (ctypes.c_float * 1)(1.0)) != 0:
        raise ModelNotFoundError(service, f"{path} is no adapter for this model.")


# -- as 8-bit numbers ----------------------------------------------------------------------------------


def pack(matrices: Matrices) -> dict[str, NDArray[Any]]:
    """Matrices as arrays to save: each of the few rows or columns of a factor has a scale of its own."""
    names, shapes, values, scales = [], [], [], []
    for name, matrix in matrices.items():
        wide = matrix if name.endswith(".lora_a") else matrix.T
        scale = numpy.abs(wide).max(axis=1, keepdims=True) / 127 + 1e-12
        names.append(name)
        shapes.append(matrix.shape)
        values.append(numpy.rint(wide / scale).astype(numpy.int8).ravel())
        scales.append(scale.astype(numpy.float32).ravel())
    return {
        "names": numpy.array(names),
        "shapes": numpy.array(shapes),
        "values": numpy.concatenate(values),
        "scales": numpy.concatenate(scales),
    }


def unpack(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The matrices that ``pack`` was given, but for rounding."""
    found, at, row = {}, 0, 0
    values, scales = arrays["values"], arrays["scales"]
    for name, shape in zip(arrays["names"], arrays["shapes"], strict=True):
        is_first = str(name).endswith(".lora_a")
        height, width = (shape[0], shape[1]) if is_first else (shape[1], shape[0])
        wide = values[at : at + height * width].reshape(height, width).astype(numpy.float32)
        wide *= scales[row : row + height, None]
        found[str(name)] = numpy.ascontiguousarray(wide if is_first else wide.T)
        at, row = at + height * width, row + height
    return found


# -- as llama.cpp's file -------------------------------------------------------------------------------


def _write(source: bytes, target: Path) -> None:
    with numpy.load(io.BytesIO(source), allow_pickle=False) as arrays:
        matrices = unpack(arrays)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="making-", dir=target.parent) as scratch:
        made = Path(scratch, "adapter.gguf")
        made.write_bytes(b"".join(_gguf(matrices)))
        os.replace(made, target)  # whole or not at all, however many processes do this at once


def _gguf(matrices: Matrices) -> Iterator[bytes]:
    """The bytes of a LoRA in GGUF, in half precision."""
    texts = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora"}
    head = MAGIC + struct.pack("<IQQ", VERSION, len(matrices), len(texts) + 1)
    head += b"".join(_text(key) + struct.pack("<I", STRING) + _text(value) for key, value in texts.items())
    head += _text("adapter.lora.alpha") + struct.pack("<If", FLOAT32, ALPHA)
    offset, parts = 0, []
    for name, matrix in matrices.items():
        height, width = matrix.shape
        head += _text(name) + struct.pack("<IQQIQ", 2, width, height, HALF, offset)
        part = _padded(matrix.astype(numpy.float16).tobytes())
        parts.append(part)
        offset += len(part)
    yield _padded(head)
    yield from parts


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
