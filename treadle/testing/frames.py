"""Frames of ``application/vnd.amazon.eventstream``, the encoding of answers that come piece by piece."""

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

STRING = 7
"""The type of a header whose value is text."""


def event(name: str, payload: Mapping[str, Any]) -> bytes:
    """Return the frame of an event, such as ``contentBlockDelta``."""
    return frame({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception(name: str, payload: Mapping[str, Any]) -> bytes:
    """Return the frame of an error inside a stream, such as ``throttlingException``."""
    return frame({":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}, payload)


def frame(headers: Mapping[str, str], payload: Mapping[str, Any]) -> bytes:
    """Return one frame: lengths and their CRC32, headers, payload, and the CRC32 of it all."""
    head = b"".join(map(_header, headers.items()))
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", len(head) + len(body) + 16, len(head))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + body
    return message + struct.pack("!I", zlib.crc32(message))


def spoilt(message: bytes) -> bytes:
    """Return a frame whose checksum is wrong."""
    return message[:-1] + bytes([message[-1] ^ 0xFF])


def _header(entry: tuple[str, str]) -> bytes:
    name, value = (part.encode() for part in entry)
    return struct.pack("!B", len(name)) + name + struct.pack("!BH", STRING, len(value)) + value
