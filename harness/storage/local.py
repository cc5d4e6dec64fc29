"""Files in a local folder, named as an object store would name them.

An object's name is its path below the folder, with slashes. A file is written beside
its place and moved there when it is whole, so that no half of one is ever seen. Links
are not followed: what they lead to is not in the folder.
"""

from __future__ import annotations

import errno
import hashlib
import mimetypes
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.storage.stores import (
    CHUNK_BYTES,
    Content,
    Entry,
    FileFailed,
    FileMissing,
    FileRefused,
    SourceChanged,
    Store,
    StoreUnusable,
)

#: How a file is called until it is whole.
UNFINISHED = ".carryover-part-"
#: What another attempt does not cure.
_REFUSALS = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.EILSEQ,
    errno.EINVAL,
    errno.ENOTDIR,
    errno.EISDIR,
)


class LocalStore:
    """A folder; ``root`` is absolute."""

    service = "file://"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.url = root.as_uri()
        self._made: set[str] = set()

    @property
    def bucket(self) -> str:
        """The folder's own name."""
        return self.root.name

    def exists(self) -> bool:
        """Whether the folder is there."""
        return self.root.is_dir()

    def make(self) -> None:
        """Make the folder, closed to others; its parents as the system makes them."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(mode=0o700, exist_ok=True)

    def remove_if_empty(self) -> bool:
        """Remove the folder when nothing is in it."""
        with suppress(OSError):
            self.root.rmdir()
        return not self.root.exists()

    def entries(self, beneath: str = "") -> Iterator[Entry]:
        """List the regular files; raises ``StoreUnusable`` for an unreadable folder."""
        folders = [os.path.join(self.root, beneath) if beneath else str(self.root)]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as found:
                    for item in found:
                        if item.is_dir(follow_symlinks=False):
                            folders.append(item.path)
                        elif item.is_file(follow_symlinks=False) and not (
                            item.name.startswith(UNFINISHED)
                        ):
                            yield _entry(self._name(item.path), item.stat())
            except OSError as error:
                raise StoreUnusable(
                    f"{folder} cannot be listed: {error.strerror}. Nothing was "
                    "changed. Name a folder that can be read, and run again."
                ) from error

    def head(self, name: str) -> Entry | None:
        """Look at one file."""
        try:
            found = os.lstat(self._path(name))
        except (FileNotFoundError, NotADirectoryError, FileRefused):
            return None
        return _entry(name, found) if stat.S_ISREG(found.st_mode) else None

    @contextmanager
    def read(self, name: str, etag: str | None = None) -> Iterator[Content]:
        """Read a file; it is looked at again when it has been read."""
        with _explained(name), open(self._path(name), "rb", buffering=0) as file:
            entry = _entry(name, os.fstat(file.fileno()))
            if etag is not None and entry.etag != etag:
                raise SourceChanged(f"{name} is not what was planned any more")

            def chunks() -> Iterator[bytes]:
                while chunk := file.read(CHUNK_BYTES):
                    yield chunk
                if _entry(name, os.fstat(file.fileno())).etag != entry.etag:
                    raise SourceChanged(f"{name} changed while it was read")

            yield Content(entry, chunks())
            self._require(entry)

    def write(self, name: str, content: Content) -> Entry:
        """Write beside the place, then move there."""

        def fill(descriptor: int) -> None:
            for chunk in content.chunks:
                _write_all(descriptor, chunk)

        return self._written(name, content.entry.size, fill)

    def copy(self, source: Store, entry: Entry, name: str) -> Entry:
        """Let the system copy the bytes: never a link, which would change with it."""
        if not isinstance(source, LocalStore):
            raise TypeError(f"{source.url} is no folder")

        def fill(descriptor: int) -> None:
            with open(source._path(entry.name), "rb", buffering=0) as file:
                _copy_bytes(file.fileno(), descriptor)

        source._require(entry)
        return self._written(name, entry.size, fill, lambda: source._require(entry))

    def remove(self, names: list[str]) -> dict[str, str]:
        """Remove files, and folders that are empty then: a store has no others."""
        failed = {}
        for name in names:
            path = self._path(name)
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
            except OSError as error:
                failed[name] = str(error.strerror)
                continue
            with suppress(OSError):
                while (path := os.path.dirname(path)) != str(self.root):
                    os.rmdir(path)
                    self._made.discard(path)
        return failed

    def forget_unfinished(self, name: str, size: int) -> None:
        """Remove the part that an interrupted write left."""
        with suppress(OSError, FileRefused):
            os.unlink(_draft(self._path(name)))

    def forget_folders(self) -> None:
        """Look again which folders there are."""
        self._made.clear()

    def _written(
        self,
        name: str,
        size: int,
        fill: Callable[[int], None],
        check: Callable[[], None] = lambda: None,
    ) -> Entry:
        """Make a file under a name of its own, and move it to its place when whole.

        ``check`` is called before it is moved, and raises when it must not be.
        """
        path = self._path(name)
        draft = _draft(path)
        with _explained(name, if_missing=FileRefused):
            self._make_folder(os.path.dirname(path))
            descriptor = os.open(
                draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600
            )
            try:
                fill(descriptor)
                found = os.fstat(descriptor)
                check()
                if found.st_size != size:
                    raise FileFailed(
                        f"{name} got {found.st_size:,} of {size:,} bytes at the target"
                    )
                os.replace(draft, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(draft)
                raise
            finally:
                os.close(descriptor)
        return _entry(name, found)

    def _make_folder(self, folder: str) -> None:
        if folder not in self._made:
            os.makedirs(folder, exist_ok=True)
            self._made.add(folder)

    def _require(self, entry: Entry) -> None:
        """Raise ``SourceChanged`` unless the file is the one that was looked at."""
        now = self.head(entry.name)
        if now is None:
            raise FileMissing(f"{entry.name} is not there any more")
        if now.etag != entry.etag:
            raise SourceChanged(
                f"{entry.name} changed: {entry.size:,} bytes were planned, "
                f"{now.size:,} stand there now"
            )

    def _path(self, name: str) -> str:
        """The path of an object; raises ``FileRefused`` for one outside the folder."""
        parts = name.split("/")
        if not name or "\0" in name or any(part in ("", ".", "..") for part in parts):
            raise FileRefused(f"{name!r} cannot be a file's name in a folder")
        return f"{self.root}/{name}"

    def _name(self, path: str) -> str:
        name = path[len(str(self.root)) + 1 :]
        return name if os.sep == "/" else name.replace(os.sep, "/")


def _entry(name: str, found: os.stat_result) -> Entry:
    """What counts as unchanged: the same file, size and time of its last change."""
    etag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
    return Entry(name, found.st_size, etag, mimetypes.guess_type(name)[0])


def _draft(path: str) -> str:
    """The name of an unfinished file: of the same folder, always the same."""
    folder, name = os.path.split(path)
    return os.path.join(
        folder, UNFINISHED + hashlib.sha256(os.fsencode(name)).hexdigest()[:24]
    )


def _copy_bytes(source: int, target: int) -> None:
    """Copy a whole file between descriptors, in the kernel where it can."""
    try:
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except (AttributeError, OSError) as error:
        # Between some file systems, and before Linux 4.5, it is not to be had.
        if getattr(error, "errno", errno.ENOSYS) in _REFUSALS[:5]:
            raise
        os.lseek(source, 0, os.SEEK_SET)
        os.lseek(target, 0, os.SEEK_SET)
    while chunk := os.read(source, CHUNK_BYTES):
        _write_all(target, chunk)


def _write_all(target: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(target, rest) :]


@contextmanager
def _explained(name: str, if_missing: type[FileFailed] = FileMissing) -> Iterator[None]:
    """Turn what the system says about one file into a failure of that file."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, FileExistsError) as error:
        raise if_missing(f"{name}: {error.strerror}") from error
    except OSError as error:
        kind = FileRefused if error.errno in _REFUSALS else FileFailed
        raise kind(f"{name}: {error.strerror}") from error
