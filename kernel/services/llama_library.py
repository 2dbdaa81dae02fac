"""llama-cpp-python's module, imported late and made silent."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from collections import deque
from pathlib import Path
from typing import Any

from planloom.errors import ModelNotFoundError

__all__ = ["context_limit", "load_library", "load_model"]

ERROR_LEVEL = 3

_errors: deque[str] = deque(maxlen=8)
_listener: list[Any] = []


def load_library() -> Any:
    """The module ``llama_cpp``; what llama.cpp would write on stderr is dropped, its last errors are kept."""
    if "llama_cpp" not in sys.modules:
        _import_patient()
    library = importlib.import_module("llama_cpp")
    if not _listener:
        _listener.append(library.llama_log_callback(_note))
    library.llama_log_set(_listener[0], ctypes.c_void_p(0))
    return library


def _import_patient() -> None:
    """Import llama_cpp so that its threads sleep while they wait for each other, instead of spinning.

    Spinning gains 5 % on an idle machine, and loses half the speed when another process wants a core. OpenMP
    reads the setting once, when it is loaded; a user's own one stays.
    """
    given = os.environ.get("OMP_WAIT_POLICY")
    os.environ["OMP_WAIT_POLICY"] = given or "passive"
    try:
        importlib.import_module("llama_cpp")
    finally:
        if given is None:
            del os.environ["OMP_WAIT_POLICY"]


def _note(level: int, text: bytes, _: object) -> None:
    if level == ERROR_LEVEL:
        _errors.append(text.decode(errors="replace").strip())


def load_model(path: Path, library: Any, service: str) -> Any:
    """The loaded model of a GGUF file.

    Raises:
        ModelNotFoundError: the file is not a whole model; the text has llama.cpp's reason.
    """
    parameters = library.llama_model_default_params()
    # A library built for this very CPU may use AMX through these buffers, and crash (llama.cpp issue 20824).
    parameters.use_extra_bufts = False
    _errors.clear()
    model = library.llama_model_load_from_file(os.fsencode(path), parameters)
    if not model:
        reason = f" llama.cpp says: {_errors[0]}." if _errors else ""
        raise ModelNotFoundError(
            service,
            f"{str(path)!r} is not a model that can be loaded.{reason} It must be a complete GGUF file; "
            "download or install it again.",
        )
    return model


def context_limit(model: Any, library: Any, wanted: int) -> int:
    """``wanted`` tokens, or as many as the model was trained for, if it says so and that is less."""
    trained: int = library.llama_model_n_ctx_train(model)
    return min(wanted, trained) if trained > 0 else wanted
