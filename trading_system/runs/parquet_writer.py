"""A Parquet file of plain columns, written without loading a library for it.

Required columns, PLAIN encoding, no compression: what every reader of the format understands, in the same
bytes on every machine. Loading a Parquet library takes longer than most backtests; reading goes through pyarrow.

References
----------
.. [1] Apache Parquet, "File format" and ``parquet.thrift``; Apache Thrift, "Compact protocol encoding".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"PAR1"
_I32, _I64, _BINARY, _LIST, _STRUCT, _TRUE = 5, 6, 8, 9, 12, 1
_PHYSICAL = {"<i8": 2, "<f4": 4, "<f8": 5}  # INT64, FLOAT, DOUBLE
_PLAIN, _RLE = 0, 3
_BYTE_ARRAY, _UTF8 = 6, 0
Field = tuple[int, int, Any]  # number, type, value
Values: TypeAlias = "NDArray[Any] | list[str]"


def parquet(columns: Mapping[str, Values], *, utc_nanoseconds: Sequence[str] = ()) -> bytes:
    """The bytes of a Parquet file.

    Parameters
    ----------
    columns : mapping of str to int64, float32 or float64, shape (n_rows,) each, or to a list of str
        Names to values; NaN is a value.
    utc_nanoseconds : sequence of str
        int64 columns that hold UTC nanoseconds since 1970.
    """
    return b"".join(parquet_pieces([columns], utc_nanoseconds=utc_nanoseconds))


def parquet_pieces(groups: Iterable[Mapping[str, Values]], *, utc_nanoseconds: Sequence[str] = ()) -> Iterator[bytes]:
    """The same file piece by piece, a row group each: memory holds one group. There is at least one; all have the same columns."""
    yield MAGIC
    at, total = len(MAGIC), 0
    written: list[list[Field]] = []
    columns: Mapping[str, Values] = {}
    for columns in groups:
        body, group, n_rows = _row_group(columns, at)
        yield body
        written.append(group)
        at, total = at + len(body), total + n_rows
    footer = _struct(
        [
            (1, _I32, 2),
            (2, _LIST, (_STRUCT, _schema(columns, utc_nanoseconds))),
            (3, _I64, total),
            (4, _LIST, (_STRUCT, written)),
            (6, _BINARY, "trading-system"),
        ]
    )
    yield footer + len(footer).to_bytes(4, "little") + MAGIC


def _row_group(columns: Mapping[str, Values], at: int) -> tuple[bytes, list[Field], int]:
    """Bytes of a row group that begins at byte `at` of the file, its entry in the footer, and its rows."""
    body, chunks = bytearray(), []
    n_rows = len(next(iter(columns.values())))
    for name, values in columns.items():
        page, physical = _page(values)
        levels = [(1, _I32, n_rows), (2, _I32, _PLAIN), (3, _I32, _RLE), (4, _I32, _RLE)]
        header = _struct([(1, _I32, 0), (2, _I32, len(page)), (3, _I32, len(page)), (5, _STRUCT, levels)])
        start, size = at + len(body), len(header) + len(page)
        body += header + page
        meta = [
            (1, _I32, physical), (2, _LIST, (_I32, [_PLAIN])), (3, _LIST, (_BINARY, [name])),
            (4, _I32, 0), (5, _I64, n_rows), (6, _I64, size), (7, _I64, size), (9, _I64, start),
        ]  # fmt: skip
        chunks.append([(2, _I64, start), (3, _STRUCT, meta)])
    return bytes(body), [(1, _LIST, (_STRUCT, chunks)), (2, _I64, len(body)), (3, _I64, n_rows)], n_rows


def _page(values: Values) -> tuple[bytes, int]:
    """Values in PLAIN encoding, and their physical type."""
    if isinstance(values, list):
        texts = [text.encode(errors="backslashreplace") for text in values]
        return b"".join(len(text).to_bytes(4, "little") + text for text in texts), _BYTE_ARRAY
    little = np.dtype(values.dtype).newbyteorder("<")
    return np.ascontiguousarray(values).astype(little, copy=False).tobytes(), _PHYSICAL[little.str]


def _schema(columns: Mapping[str, Values], stamps: Sequence[str]) -> list[list[Field]]:
    elements: list[list[Field]] = [[(4, _BINARY, "schema"), (5, _I32, len(columns))]]
    nanoseconds: list[Field] = [(8, _STRUCT, [(1, _TRUE, None), (2, _STRUCT, [(3, _STRUCT, [])])])]
    text: list[Field] = [(1, _STRUCT, [])]
    for name, values in columns.items():
        kind = _BYTE_ARRAY if isinstance(values, list) else _PHYSICAL[np.dtype(values.dtype).newbyteorder("<").str]
        element: list[Field] = [(1, _I32, kind), (3, _I32, 0), (4, _BINARY, name)]
        if kind == _BYTE_ARRAY:
            element += [(6, _I32, _UTF8), (10, _STRUCT, text)]
        elements.append([*element, (10, _STRUCT, nanoseconds)] if name in stamps else element)
    return elements


def _struct(fields: Sequence[Field]) -> bytes:
    out, last = bytearray(), 0
    for field, kind, value in fields:
        out.append((field - last) << 4 | kind)
        out += _value(kind, value)
        last = field
    return bytes(out) + b"\0"


def _value(kind: int, value: Any) -> bytes:
    if kind in (_I32, _I64):
        return _varint((value << 1) ^ (value >> 63))
    if kind == _BINARY:
        text = value.encode()
        return _varint(len(text)) + bytes(text)
    if kind == _STRUCT:
        return _struct(value)
    if kind == _LIST:
        of, items = value
        head = bytes([len(items) << 4 | of]) if len(items) < 15 else bytes([0xF0 | of]) + _varint(len(items))
        return head + b"".join(_value(of, item) for item in items)
    return b""  # a boolean is in its field's header


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
