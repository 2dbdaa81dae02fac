"""Large values by reference: in a folder, and through fsspec."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from planloom.planners.journal.blobs import BlobStore, FolderBlobs, FsspecBlobs, blob_name
from planloom.planners.journal.errors import JournalDamagedError, JournalFileError

Make = Callable[[Path], BlobStore]


def folder(path: Path) -> BlobStore:
    return FolderBlobs(path / "blobs")


def by_url(path: Path) -> BlobStore:
    pytest.importorskip("fsspec")
    return FsspecBlobs(f"file://{path / 'blobs'}")


def in_memory(path: Path) -> BlobStore:
    pytest.importorskip("fsspec")
    return FsspecBlobs(f"memory://{uuid4().hex}/blobs")


@pytest.fixture
def bucket() -> Iterator[FsspecBlobs]:
    """A bucket of a real S3 server, in so far as moto is one."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield FsspecBlobs("s3://plans/values", endpoint_url=f"http://{host}:{port}", key="any", secret="any")
    finally:
        server.stop()


@pytest.mark.filterwarnings("default")  # the S3 libraries' own
def test_an_s3_bucket_keeps_values(bucket: FsspecBlobs) -> None:
    large = bytes(3_000_000)
    name = bucket.put(large)
    assert name == bucket.put(large) == blob_name(large)
    assert bucket.get(name) == large
    with pytest.raises(JournalFileError, match=blob_name(b"never")[:12]):
        bucket.get(blob_name(b"never"))


def test_a_value_that_changed_in_a_file_system_of_fsspec_is_named() -> None:
    fsspec = pytest.importorskip("fsspec")
    place = f"{uuid4().hex}/blobs"
    store = FsspecBlobs(f"memory://{place}")
    name = store.put(b"large")
    fsspec.filesystem("memory").pipe_file(f"{place}/{name}", b"other")
    with pytest.raises(JournalDamagedError, match="damaged"):
        store.get(name)


@pytest.mark.parametrize("make", [folder, by_url, in_memory])
def test_what_was_put_is_got_by_its_hash(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path)
    name = store.put(b"large")
    assert name == store.put(b"large") == blob_name(b"large")
    assert store.get(name) == b"large"
    with pytest.raises(JournalFileError, match=blob_name(b"never")[:12]):
        store.get(blob_name(b"never"))


@pytest.mark.parametrize("make", [folder, by_url])
def test_a_value_that_changed_is_named(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path)
    name = store.put(b"large")
    (tmp_path / "blobs" / name).write_bytes(b"other")
    with pytest.raises(JournalDamagedError, match="damaged"):
        store.get(name)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file")
    with pytest.raises(JournalFileError, match="cannot keep"):
        folder(tmp_path).put(b"large")
