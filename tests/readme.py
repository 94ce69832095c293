"""The fenced blocks of a Markdown file, so that prose can be executed: ``readme.py README.md bash 0``, or ``count``."""

import re
import sys
from pathlib import Path


def blocks(path: Path, language: str) -> list[str]:
    """The contents of the blocks in ``language``, in order."""
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


if __name__ == "__main__":
    file, language, which = sys.argv[1:]
    found = blocks(Path(file), language)
    print(len(found) if which == "count" else found[int(which)], end="")
