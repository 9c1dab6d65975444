"""HTTP as far as the Converse API needs it: a request read, a response written whole or in chunks."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote

from treadle.testing.answers import Request

STREAM = "application/vnd.amazon.eventstream"


class Cut(Exception):
    """Raised to close the connection without another word."""


@dataclass(frozen=True)
class Exchange:
    """A request that came over a connection, and the way back."""

    request: Request
    writer: asyncio.StreamWriter

    async def send(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, *, length: int | None = None
    ) -> None:
        """Write a response; `length` is what its head says if that is not the truth."""
        told = {"Content-Type": "application/json", "Content-Length": str(length or len(body)), **(headers or {})}
        self.writer.write(_head(status, told) + body)
        await self.writer.drain()

    async def stream(self, pieces: Iterable[bytes], *, cut: bool = False) -> None:
        """Write an event stream in chunks; `cut` closes the connection after the last one."""
        self.writer.write(_head(200, {"Content-Type": STREAM, "Transfer-Encoding": "chunked"}))
        for piece in pieces:
            self.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await self.writer.drain()
        if cut:
            raise Cut
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange | None:
    """Read the next request of a connection, or None when the client closes it."""
    line = await reader.readline()
    if not line:
        return None
    path = line.decode().split(" ")[1]
    headers = {}
    while header := (await reader.readline()).decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = path.strip("/").split("/")
    answered = Exchange(Request("", {}, stream=False), writer)
    if len(parts) < 3 or parts[0] != "model" or parts[-1] not in ("converse", "converse-stream"):
        await answered.send(404, b'{"message": "only Converse and ConverseStream are served here"}')
        return await exchange(reader, writer)
    name = unquote("/".join(parts[1:-1]))
    return Exchange(Request(name, json.loads(body), stream=parts[-1] == "converse-stream", headers=headers), writer)


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
