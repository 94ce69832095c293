"""What a network demands of messages: who sends them, that none reads them, and who may send and receive which."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Protocol

import numpy as np
from pydantic import Field

from simcluster.cluster.machine.machine import NodeSpec
from simcluster.cluster.messages.message import Message
from simcluster.engine import Name, NotNegative, Open, Spec


class Authentication(Protocol):
    """How a receiver tells that a message is its sender's, and has come as it was sent."""

    @property
    def tag_bytes(self) -> int:
        """What a tag weighs."""
        ...

    def tag(self, key: bytes, text: bytes) -> bytes:
        """The tag of a text, which nobody can make without the key."""
        ...

    def flops(self, size_bytes: float) -> float:
        """What it takes to make the tag of a message that weighs so much, and as much again to check it."""
        ...


class Cipher(Protocol):
    """What it takes to hide what messages say; a plain function serves."""

    def __call__(self, size_bytes: float) -> tuple[float, float]:
        """Of a message that weighs so much: how many bytes are added, and how many operations each end spends."""
        ...


class Hmac(Spec):
    """A tag by a hash and a key that two nodes have (RFC 2104), of the standard library: 32 bytes of SHA-256.

    Each direction of each pair of nodes has a key of its own, from the run's seed, which only these two have. A message
    is tagged with its number, source, target, kind and body, so what is changed on the way, or sent by another, is
    refused as ``forged``, and what has come before as ``replayed``, a copy that the network made too. A node that lies
    about its own numbers has the key: no tag helps against it. A receiver remembers the numbers, and over a crash.
    """

    kind: Literal["hmac"] = "hmac"
    digest: Literal["sha256", "sha512"] = "sha256"
    """The hash; its length is what a tag weighs."""
    flops_per_byte: NotNegative = 30.0
    """What it takes at each end: of SHA-256 64 rounds of some 30 operations for each block of 64 bytes."""

    @property
    def tag_bytes(self) -> int:
        """The length of the hash."""
        return hashlib.new(self.digest).digest_size

    def tag(self, key: bytes, text: bytes) -> bytes:
        """HMAC."""
        return hmac.new(key, text, self.digest).digest()

    def flops(self, size_bytes: float) -> float:
        """In proportion to the size."""
        return self.flops_per_byte * size_bytes


class Encryption(Spec):
    """What it costs to encrypt messages, as bytes and as operations at both ends; nothing is hidden in the simulation.

    The defaults are of AES-GCM: a nonce of 12 bytes and a tag of 16, and two operations a byte where instructions help.
    """

    kind: Literal["encryption"] = "encryption"
    bytes_per_message: NotNegative = 28.0
    """How many bytes a message weighs more."""
    flops_per_byte: NotNegative = 2.0
    """How many operations each end spends on a byte of it."""
    flops_per_message: NotNegative = 0.0
    """How many more on a message."""

    def __call__(self, size_bytes: float) -> tuple[float, float]:
        """The bytes that are added, and the operations of each end."""
        return self.bytes_per_message, self.flops_per_message + self.flops_per_byte * size_bytes


class Role(Spec):
    """What some nodes may send and receive: kinds of messages, by name or pattern (``"training.*"``).

    A reply is of the kind of its request with ``-reply`` after it. What no role of a node allows is refused.
    """

    name: Name
    """What the role is called, unlike any other."""
    nodes: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Who has it: nodes, racks, zones or patterns."""
    sends: tuple[Name, ...] = ()
    """The kinds that they may send."""
    receives: tuple[Name, ...] = ()
    """The kinds that they may receive."""

    def has(self, node: NodeSpec) -> bool:
        """Whether a node has the role."""
        return any(each in (node.name, node.rack, node.zone) or fnmatchcase(node.name, each) for each in self.nodes)

    def allows(self, verb: Literal["sends", "receives"], kind: str) -> bool:
        """Whether whoever has it may send, or receive, messages of a kind."""
        allowed: tuple[str, ...] = getattr(self, verb)
        return any(fnmatchcase(kind, each) for each in allowed)


AnyAuthentication = Annotated[Authentication, Open(Authentication, Hmac)]
"""The one above, or one's own; in a file ``kind`` says which."""
AnyCipher = Annotated[Cipher, Open(Cipher, Encryption)]
"""The one above, or one's own; in a file ``kind`` says which."""


def text_of(message: Message, number: int) -> bytes:
    """What a tag is made of: all of a message that a receiver goes by, and its number."""
    said = (number, message.source, message.target, message.kind, message.request_id, message.reply_to, message.body)
    return b"".join(_parts(said))


def _parts(value: Any) -> Iterator[bytes]:
    """A body as bytes, unlike those of any other body: each part with its type and length before it."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        yield f"a{value.dtype.str}{value.shape}:".encode()
        yield np.ascontiguousarray(value).tobytes()
        if isinstance(value, np.ma.MaskedArray):
            yield np.ma.getmaskarray(value).tobytes()
    elif isinstance(value, bytes):
        yield f"b{len(value)}:".encode() + value
    elif isinstance(value, tuple | list | np.ndarray):
        yield f"t{len(value)}:".encode()
        for part in value:
            yield from _parts(part)
    elif isinstance(value, Mapping):
        yield f"m{len(value)}:".encode()
        for key, part in value.items():
            yield from _parts((key, part))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from _parts((type(value).__name__, *(getattr(value, field.name) for field in dataclasses.fields(value))))
    else:
        text = repr(value).encode()
        yield f"r{len(text)}:".encode() + text
