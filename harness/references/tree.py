"""Lists the files of a source tree and reads them, whatever their size and encoding.

Asks git, where the tree is a git work tree, so that what is ignored there is passed
over; otherwise walks it. Whatever is passed over is told with its reason. Follows no
symbolic link. Reads files; writes nothing.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from harness.errors import UsageError

#: Files are looked at in blocks of about this many bytes, cut at line ends.
BLOCK_BYTES = 1 << 20
_THIRD_PARTY = {
    **dict.fromkeys(("node_modules", "bower_components", "Pods"), "third-party code"),
    **dict.fromkeys((".git", ".hg", ".svn"), "version control"),
}
_GENERATED = {
    **dict.fromkeys(
        (".venv", "venv", ".tox", "site-packages", "vendor"), "third-party code"
    ),
    **dict.fromkeys(
        (
            *(
                "dist",
                "build",
                "out",
                "target",
                ".next",
                ".nuxt",
                ".output",
                "coverage",
            ),
            *(
                ".svelte-kit",
                ".turbo",
                ".cache",
                ".parcel-cache",
                ".vercel",
                ".netlify",
            ),
            *(".dart_tool", ".gradle", "DerivedData"),
        ),
        "build output",
    ),
    **dict.fromkeys(
        ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".terraform"),
        "cache",
    ),
}
_LOCK_FILES = frozenset(
    (
        *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"),
        *("bun.lock", "composer.lock", "Cargo.lock", "poetry.lock", "uv.lock"),
        *("Gemfile.lock", "Podfile.lock", "go.sum"),
    )
)
_MINIFIED = re.compile(r"\.min\.\w+$|\.bundle\.js$|\.map$")
_WEB = (".js", ".css", ".mjs", ".cjs", ".html", ".htm")
_LONG_LINE = 20_000
_COPY = re.compile(rb"\s*copy\s.*\sfrom\s+stdin\b.*;?\s*$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, order=True)
class Skipped:
    """A file or folder that was not looked at; ``is_unread`` when that is a fault."""

    path: str
    reason: str
    is_unread: bool = False


@dataclass
class Tree:
    """The files of a tree, by their paths from its root, and what was passed over."""

    root: Path
    listed_by: str
    files: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def path(self, name: str) -> Path:
        """The place of a file."""
        return self.root / name if name != "." else self.root


def list_tree(root: Path, *, all_files: bool, exclude: Sequence[str] = ()) -> Tree:
    """List the files below a folder, or the one file, in the order of their paths.

    ``all_files`` takes what git ignores and what looks like build output as well;
    ``exclude`` holds patterns of paths to pass over.

    Raises ``UsageError`` for a path that does not exist.
    """
    if not root.exists():
        raise UsageError(
            f"there is no file or folder {root}, so nothing was looked at. "
            "Run: ./inv legacy-references PATH with the folder of the sources."
        )
    if root.is_file():
        return Tree(root, "name", ["."])
    listed = None if all_files else _ask_git(root)
    tree = listed or _walk(root, all_files=all_files)
    kept = []
    for name in sorted(set(tree.files)):
        pattern = next((each for each in exclude if _is_excluded(name, each)), None)
        reason = f"excluded by {pattern}" if pattern else _why_skipped(tree, name)
        if reason:
            tree.skipped.append(Skipped(printable(name), reason))
        elif tree.path(name).exists():
            kept.append(name)
    tree.files = kept
    return tree


def read_blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Read a file in blocks that end with a line: the lines before, and the bytes.

    A line that is longer than a block is cut. The rows of a COPY in a dump are blanked:
    they are data, whatever they say.
    """
    line, carried = 0, b""
    copies = _Copies() if path.suffix.lower() in (".sql", ".dump") else None
    with path.open("rb") as stream:
        while data := stream.read(BLOCK_BYTES):
            data = carried + data
            end = data.rfind(b"\n") + 1 or len(data)
            block, carried = data[:end], data[end:]
            yield line, copies.blank(block) if copies else block
            line += block.count(b"\n")
        if carried:
            yield line, copies.blank(carried) if copies else carried


def decode(block: bytes) -> str:
    """Decode a block: UTF-8, else one byte a character, which keeps ASCII as it is."""
    try:
        return block.decode("utf-8-sig")
    except UnicodeDecodeError:
        return block.decode("latin-1")


def printable(text: str) -> str:
    """Show a name or a line that may hold anything: no control characters."""
    known = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "\ufffd" for each in known)


def utf_16(start: bytes) -> bool:
    """Whether a file begins as UTF-16 does."""
    return start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def why_unfit(name: str, start: bytes) -> str | None:
    """Say why the content of a file is not looked at, by its first bytes."""
    if b"\0" in start and not utf_16(start):
        return "binary"
    lines = start.split(b"\n")
    if name.endswith(_WEB) and max(map(len, lines)) > _LONG_LINE:
        return "minified"
    return None


class _Copies:
    """Blanks the data rows of COPY statements, block after block."""

    def __init__(self) -> None:
        self.is_within = False

    def blank(self, block: bytes) -> bytes:
        """Blank the data rows of the next block."""
        if not self.is_within and b"stdin" not in block.lower():
            return block
        lines = block.split(b"\n")
        for index, line in enumerate(lines):
            if self.is_within:
                self.is_within = line.rstrip() != b"\\."
                lines[index] = b""
            elif _COPY.match(line):
                self.is_within = True
        return b"\n".join(lines)


def _is_excluded(name: str, pattern: str) -> bool:
    folder = pattern.rstrip("/")
    return fnmatchcase(name, pattern) or name.startswith(f"{folder}/")


def _why_skipped(tree: Tree, name: str) -> str | None:
    base = name.rpartition("/")[2]
    if base in _LOCK_FILES:
        return "lock file"
    if _MINIFIED.search(base):
        return "minified"
    try:
        mode = tree.path(name).lstat().st_mode
    except OSError:
        return None  # deleted in the work tree, or meanwhile: it has no uses any more
    if stat.S_ISLNK(mode):
        return "symbolic link"
    return None if stat.S_ISREG(mode) else "no regular file"


def _ask_git(root: Path, prefix: str = "") -> Tree | None:
    """List what git knows or would add below a folder; None where git cannot say."""
    known = _git(root, "--cached", "--others", "--exclude-standard")
    ignored = _git(root, "--others", "--ignored", "--exclude-standard", "--directory")
    if known is None or ignored is None:
        return None
    tree = Tree(root, "git")
    tree.skipped = [
        Skipped(printable(prefix + name), "ignored by git") for name in ignored
    ]
    passed: dict[str, str] = {}
    for name in known:
        folders = name.split("/")[:-1]
        third = next(
            (i for i, part in enumerate(folders) if part in _THIRD_PARTY), None
        )
        if third is not None:
            passed["/".join(folders[: third + 1]) + "/"] = _THIRD_PARTY[folders[third]]
        elif (root / name).is_dir() and not (root / name).is_symlink():
            inner = _ask_git(root / name, f"{prefix}{name.rstrip('/')}/")
            inner = inner or _walk(root / name, all_files=False)
            tree.files += [f"{name.rstrip('/')}/{each}" for each in inner.files]
            tree.skipped += inner.skipped
        else:
            tree.files.append(name)
    tree.skipped += [
        Skipped(printable(prefix + name), why) for name, why in passed.items()
    ]
    return tree


def _git(root: Path, *options: str) -> list[str] | None:
    # Nothing that the tree's own settings name is started: core.fsmonitor is a program.
    command = ["git", "-c", "core.fsmonitor=false", "ls-files", "-z", *options]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=False)
    except OSError:
        return None
    if done.returncode:
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _walk(root: Path, *, all_files: bool) -> Tree:
    tree = Tree(root, "folders")
    known = {".git": "version control"} if all_files else _THIRD_PARTY | _GENERATED

    def unread(error: OSError) -> None:
        name = Path(error.filename or root).relative_to(root).as_posix()
        tree.skipped.append(
            Skipped(f"{name}/", f"cannot be read: {error.strerror}", is_unread=True)
        )

    for folder, folders, files in os.walk(root, onerror=unread):
        here = Path(folder).relative_to(root)
        for name in list(folders):
            path = (here / name).as_posix()
            reason = known.get(name)
            if (Path(folder) / name).is_symlink():
                reason = "symbolic link"
            elif (Path(folder) / name / "pyvenv.cfg").exists() and not all_files:
                reason = "third-party code"
            if reason:
                folders.remove(name)
                tree.skipped.append(Skipped(printable(f"{path}/"), reason))
        tree.files += [(here / name).as_posix() for name in files]
    return tree
