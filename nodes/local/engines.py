"""Engines that run local models: one a process and opening, reopened after a fork, with calls that can be stopped."""

import asyncio
import atexit
import ctypes
import os
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Any

from treadle.errors import ModelUnavailable, PromptTooLong
from treadle.nodes.local.openings import Opening, serve

Chunk = Mapping[str, Any]
Said = Chunk | Exception | None
"""What a call says: a chunk, an error, or None at its end."""


CLOSED = "the local model was closed while it was asked; ask again and it opens anew"


@dataclass(eq=False)
class Call:
    """One request to an engine, and the ear that hears what comes of it."""

    request: Mapping[str, Any]
    hear: Callable[[Said], Any]
    stopped: threading.Event = field(default_factory=threading.Event)

    def take(self, chunk: Chunk) -> bool:
        """Hear a chunk; return True to stop the engine."""
        if not self.stopped.is_set():
            self.hear(_fault(chunk["error"]) if "error" in chunk else chunk)
        return self.stopped.is_set()


class Engine:
    """Weights opened in this process, and the threads that run calls on them in turn.

    The first call opens it, in the engine's thread, so that neither an event loop nor Ctrl-C waits for it.
    """

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self._server: Any = None
        self._closed = False
        self._opening = threading.Lock()
        self._door = threading.Lock()
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._running: set[Call] = set()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(opening.slots)]
        for thread in self._threads:
            thread.start()

    def chunks(self, request: Mapping[str, Any]) -> Generator[Chunk, None, None]:
        """Run a chat completion; closing the iterator, or an error such as Ctrl-C while it waits, stops it."""
        heard: SimpleQueue[Said] = SimpleQueue()
        call = Call(request, heard.put)
        self._submit(call)
        try:
            while (said := heard.get()) is not None:
                yield _chunk(said)
        finally:
            call.stopped.set()

    async def achunks(self, request: Mapping[str, Any]) -> AsyncGenerator[Chunk, None]:
        """Run a chat completion without blocking the event loop; cancelling the task stops it."""
        heard: asyncio.Queue[Said] = asyncio.Queue()
        call = Call(request, partial(_tell, asyncio.get_running_loop(), heard))
        self._submit(call)
        try:
            while (said := await heard.get()) is not None:
                yield _chunk(said)
        finally:
            call.stopped.set()

    @property
    def busy(self) -> bool:
        """Whether a call is running."""
        return bool(self._running)

    def close(self) -> None:
        """Stop every call, end the threads and give the memory back."""
        with self._door:
            self._closed = True
            for _ in self._threads:
                self._calls.put(None)
        for call in list(self._running):
            call.stopped.set()
        for thread in self._threads:
            thread.join()
        if _forked:
            self.abandon()
        self._server = None

    def abandon(self) -> None:
        """Keep the engine from ever being closed, where closing would wait for threads that a fork left behind."""
        if self._server is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._server))

    def _submit(self, call: Call) -> None:
        with self._door:
            if self._closed:
                raise ModelUnavailable(CLOSED)
            self._calls.put(call)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if not call.stopped.is_set():
                call.hear(self._run(call))

    def _run(self, call: Call) -> Exception | None:
        """Run a call to its end; return what its caller should hear last."""
        self._running.add(call)
        try:
            if not self._closed:
                self._opened().handle_chat_completions(dict(call.request), call.take)
        except Exception as error:
            return error
        finally:
            self._running.discard(call)
        return ModelUnavailable(CLOSED) if self._closed else None

    def _opened(self) -> Any:
        with self._opening:
            if self._server is None:
                self._server = serve(self.opening)
            return self._server


_engines: dict[Opening, Engine] = {}
_guard = threading.Lock()
_forked = False
"""Whether this process was forked from one with engines: the library's own threads are then missing for good."""


def engine(opening: Opening) -> Engine:
    """The engine of this process for an opening."""
    with _guard:
        if opening not in _engines:
            _engines[opening] = Engine(opening)
        return _engines[opening]


def close() -> None:
    """Close every engine of this process; calls that run end with ModelUnavailable. The next call opens anew."""
    with _guard:
        engines = list(_engines.values())
        _engines.clear()
    for opened in engines:
        opened.close()


def _fault(error: Mapping[str, Any]) -> Exception:
    if error.get("type") == "exceed_context_size_error":
        return PromptTooLong(
            f"the prompt has {error['n_prompt_tokens']} tokens and the local model's context holds {error['n_ctx']}, "
            "the answer included: shorten the prompt, split it, or give the model a larger n_ctx"
        )
    return ModelUnavailable(f"the local model refused the request: {error.get('message', error)}")


def _chunk(said: Chunk | Exception) -> Chunk:
    if isinstance(said, Exception):
        raise said
    return said


def _tell(loop: asyncio.AbstractEventLoop, heard: asyncio.Queue[Said], said: Said) -> None:
    # A loop that has closed meanwhile has nobody left who listens.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(heard.put_nowait, said)


def _abandon() -> None:
    """In a forked child: forget the parent's engines, whose threads are not here."""
    global _guard, _forked
    _guard, opened = threading.Lock(), list(_engines.values())
    _engines.clear()
    for left in opened:
        left.abandon()
    if opened and not _forked:
        _forked = True
        _leave_without_destructors()


def _leave_without_destructors() -> None:
    # The library's static destructors join a thread of the parent and never return. Python has flushed and finalised
    # when they run, so the C library is told to leave then; without on_exit such a child must leave by os._exit.
    libc = ctypes.CDLL(None)
    if hasattr(libc, "on_exit"):
        libc.on_exit(libc._exit, None)


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon)
