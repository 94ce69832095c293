"""The text of a file that a field names."""

from __future__ import annotations

from pathlib import Path

from simcluster.learning import MissingFile


def text_of(path: Path) -> str:
    """What the file says. Raises ``MissingFile`` where there is none, ``ValueError`` where it is not UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFile(f"path must name a file that there is, got {str(path)!r}") from None
    except OSError as error:
        raise ValueError(f"path must name a file that can be read, got {str(path)!r} ({error.strerror})") from None
    except ValueError as error:  # no text, or a name that no file can have
        raise ValueError(f"path must name a file of UTF-8 text, got {str(path)!r} ({error})") from None
