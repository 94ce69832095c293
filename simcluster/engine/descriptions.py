"""What a class of specification says of its fields: the text right below each of them."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


@cache
def descriptions(kind: type[BaseModel]) -> dict[str, str]:
    """Return what is said of each field of ``kind`` that has words of its own, by name, in the order of the fields.

    The words are read from the source when somebody asks: pydantic's ``use_attribute_docstrings`` reads them while
    the class is made, which was a quarter of the time in which simcluster was imported. A class without a source, such
    as one typed at Python's prompt, has only what ``Field(description=...)`` says.
    """
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        own = inspect.get_annotations(one)
        found = {name: text for name, text in found.items() if name not in own}
        if own and one is not BaseModel and issubclass(one, BaseModel):
            found |= _below(one)
    said = {name: field.description or found.get(name) for name, field in kind.model_fields.items()}
    return {name: inspect.cleandoc(text) for name, text in said.items() if text}


def _below(kind: type) -> dict[str, str]:
    """The strings that stand right below annotated names in the source of a class."""
    try:
        source = inspect.getsource(kind)
    except (OSError, TypeError):  # there is no source: inspect's two ways to say so
        return {}
    indented = source[:1].isspace()
    tree = ast.parse(f"if True:\n{source}" if indented else source)
    body = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)).body
    return {
        name.target.id: text.value.value
        for name, text in pairwise(body)
        if isinstance(name, ast.AnnAssign) and isinstance(name.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }
