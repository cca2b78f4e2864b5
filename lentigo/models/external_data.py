"""The files beside a graph that it takes weights from (ONNX external data), found without ONNX's own package.

A graph of somebody else's may name any file of this machine there. The names stand in the tensors of the
model, a protocol buffer; what is read here is the way to them alone:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from lentigo.errors import ModelError

# How a field of a protocol buffer is encoded
VARINT = 0
FIXED64 = 1
LENGTH = 2
FIXED32 = 5
DEPTH = 64  # of graphs within nodes
# By message: the fields that lead to tensors, and what they are
PATHS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "tensor": {13: "entry"},
}
KEY = 1  # fields of an entry
VALUE = 2
LOCATION = b"location"


def list_external_files(path: Path) -> set[str]:
    """The names, as written, of the files that the tensors of a graph lie in. Raises `ModelError` for what is
    no graph.

    Args:
        path: Of the graph.
    """
    try:
        return read_locations(path)
    except (ValueError, IndexError) as error:
        raise ModelError(f"{path}: is no ONNX graph ({error}); copy the RUN again from its source") from error
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror or error}); copy the RUN again from its source"
        ) from error


def read_locations(path: Path) -> set[str]:
    """What the tensors of a graph name as their files. Raises `OSError`, `ValueError` and `IndexError`."""
    with path.open("rb") as file:
        # Of hundreds of megabytes few pages are looked at
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    names = set()
    for key, value in walk(memoryview(content), "model", 0):
        if key == LOCATION:
            names.add(value.decode("utf-8", "surrogateescape"))
    return names


def walk(message: memoryview, kind: str, depth: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of what the tensors below a message say of their files."""
    if depth > DEPTH:
        raise ValueError("graphs within graphs, too deep")
    if kind == "entry":
        fields = dict(list_fields(message))
        yield bytes(fields.get(KEY, b"")), bytes(fields.get(VALUE, b""))
        return
    ways = PATHS[kind]
    for number, content in list_fields(message):
        if number in ways:
            yield from walk(content, ways[number], depth + 1)


def list_fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The numbers and contents of the fields of a message that have a length; others are passed over.

    Args:
        message: Of protobuf.
    """
    place = 0
    while place < len(message):
        tag, place = read_varint(message, place)
        number = tag >> 3
        encoding = tag & 7  # the lowest three bits
        if encoding == VARINT:
            _, place = read_varint(message, place)
        elif encoding == FIXED64:
            place += 8
        elif encoding == FIXED32:
            place += 4
        elif encoding == LENGTH:
            size, place = read_varint(message, place)
            if place + size > len(message):
                raise ValueError("it ends too early")
            yield number, message[place : place + size]
            place += size
        else:
            raise ValueError(f"field {number} is encoded in no known way")


def read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift  # the lowest seven bits come first
        if byte < 0x80:  # the highest bit says that more follow
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
