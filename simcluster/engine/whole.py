"""Files that are whole or as they were before: written aside, in their folder, and renamed when complete."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_whole(path: Path | str, content: bytes) -> Path:
    """Write a file, or leave what was there; a link is replaced, not what it leads to. Returns the path.

    Raises ``ValueError`` for one that cannot be written, and says why.
    """
    target = Path(path)
    if not target.name:
        raise ValueError(f"path: must be a file that can be written, got {str(path)!r} (it has no name)")
    aside = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        try:
            with aside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # else a loss of power could leave the name and not the bytes
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"path: must be a file that can be written, got {str(path)!r} ({reason})") from error
    return target
