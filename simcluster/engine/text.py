"""Text that others wrote, made safe to show: a terminal obeys control characters, and a reader misreads hidden ones."""

from __future__ import annotations

import unicodedata

#: Controls (ESC among them), formats (bidi overrides), lone surrogates, separators of lines and of paragraphs.
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # Persian and Indic words and many emoji need them


def printable(text: object, *, lines: bool = False) -> str:
    """``text`` with every control character, bidi override and lone surrogate as a visible escape, such as "\\x1b".

    With ``lines`` a newline is kept. What is printable already is returned as it is.
    """
    kept = _JOINERS + "\n" * lines
    return "".join(
        letter if letter in kept or unicodedata.category(letter) not in _HIDDEN else _escaped(letter)
        for letter in str(text)
    )


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
