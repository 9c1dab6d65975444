"""Bytes made small with zstd: by themselves, or against others that they resemble."""

import sqlite3
import threading

import zstandard

LEAST = 160
"""Bytes below which nothing is compressed."""

_LEVEL = 3
_local = threading.local()  # a compressor must not be used by two threads at once


def pack(data: bytes, against: bytes = b"") -> tuple[int, bytes]:
    """Codec and bytes: 0 for as they were, 1 for zstd, 2 for zstd against other bytes, which unpacking takes too."""
    if len(data) < LEAST:
        return 0, data
    packed: bytes = _against(against, len(data)).compress(data) if against else _alone().compress(data)
    return (2 if against else 1, packed) if len(packed) < len(data) * 0.9 else (0, data)


def unpack(codec: int, data: bytes, against: bytes = b"") -> bytes:
    """The bytes that were packed."""
    if not codec:
        return data
    try:
        plain: bytes = (_opposite(against) if codec == 2 else _whole()).decompress(data)
    except zstandard.ZstdError as error:
        raise sqlite3.DatabaseError(f"a stored value is damaged: {error}") from error
    return plain


def _alone() -> zstandard.ZstdCompressor:
    made: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if made is None:
        made = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False)
    return made


def _whole() -> zstandard.ZstdDecompressor:
    made: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if made is None:
        made = _local.decompressor = zstandard.ZstdDecompressor()
    return made


def _against(other: bytes, size: int) -> zstandard.ZstdCompressor:
    """A compressor whose window reaches over all of the other bytes; a checksum tells if they ever are not the same."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL,
        source_size=size,
        dict_size=len(other),
        window_log=min(30, max(10, (len(other) + size).bit_length())),
        write_checksum=True,
        write_dict_id=False,
    )
    return zstandard.ZstdCompressor(dict_data=_dictionary(other), compression_params=parameters)


def _opposite(other: bytes) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(other), max_window_size=2**31)


def _dictionary(other: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(other, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
