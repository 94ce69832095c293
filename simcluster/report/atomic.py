"""Files that are whole or absent: they are written aside, in their folder, and renamed when they are complete."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath

from simcluster.engine import printable


def check_folder(out: Path | str) -> Path:
    """Make the folder ``out`` and make sure that files can be written there; call this before running anything.

    Raises ``ValueError`` naming the folder and the reason.
    """
    if not str(out):
        raise ValueError("out: must name a folder ('.' is the current one), got ''")
    folder = Path(out)
    with refused(out):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    return folder


def check_name(name: str) -> str:
    """The ``name`` of a file. Raises ``ValueError`` for one that could leave its folder on any system."""
    alone = isinstance(name, str) and PurePosixPath(name).name == name == PureWindowsPath(name).name
    if not alone or name in ("", ".", "..") or printable(name) != name:
        raise ValueError(f"name: must be that of a file, without folders or control characters, got {name!r}")
    return name


@contextmanager
def refused(out: Path | str) -> Iterator[None]:
    """Errors of the disk (full, read-only, not there) as the ``ValueError`` of a folder that cannot be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"out: must be a folder that can be written, got {str(out)!r} ({reason})") from error


@contextmanager
def whole_files(folder: Path) -> Iterator[Path]:
    """A folder aside for what is to stand in ``folder``: when the block ends well, all of it is there, else nothing.

    Files of the same names are replaced; a link is, too, and not what it leads to. Of two processes that write at once,
    the files of one come after those of the other (where the system can lock a folder), never a mixture of both.
    Raises ``ValueError`` for what is no file and would be replaced, and for a folder that cannot be written.
    """
    with refused(folder), tempfile.TemporaryDirectory(prefix=".", dir=folder) as aside:
        yield Path(aside)
        made = sorted(Path(aside).iterdir())
        for path in made:
            there = folder / path.name
            if there.exists() and not there.is_file() and not there.is_symlink():
                raise ValueError(f"out: must not have anything but a file at {str(there)!r}")
            with path.open("r+b") as file:
                os.fsync(file.fileno())  # else a loss of power could leave the name and not the bytes
        with _alone_in(folder):
            for path in made:
                path.replace(folder / path.name)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """The only one of the processes that rename files in ``folder``; the lock is the folder's and ends with them."""
    try:
        import fcntl
    except ImportError:  # Windows cannot lock a folder: each file is whole all the same
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # nor can some network file systems
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
