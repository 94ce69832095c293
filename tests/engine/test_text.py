import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import printable


@given(st.text(st.characters(codec=None)))
def test_no_control_reaches_the_reader_whatever_the_text(text):
    shown = printable(text)

    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert printable(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b\x00\udc80", "\\x9b\\x00\\udc80"),
        ("naïve – 字 [bold] $x_{$ \u200d", "naïve – 字 [bold] $x_{$ \u200d"),
        (3, "3"),
    ],
)
def test_what_is_hidden_is_shown_as_its_escape(text, shown):
    assert printable(text) == shown


def test_lines_may_be_kept():
    assert printable("a\nb\r", lines=True) == "a\nb\\r"
