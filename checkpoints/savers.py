"""The saver: LangGraph's checkpointer on a treadle database, sync and async on one object."""

import asyncio
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from treadle.checkpoints.caches import SqliteCache
from treadle.checkpoints.disks import forks
from treadle.checkpoints.disks.databases import Database, Synchronous
from treadle.checkpoints.layouts import states, threads
from treadle.checkpoints.layouts.drafts import Drafts
from treadle.checkpoints.layouts.memories import Memory
from treadle.checkpoints.layouts.pages import Pages
from treadle.checkpoints.layouts.readings import Readings
from treadle.checkpoints.layouts.spaces import configured, place
from treadle.checkpoints.recorders import Recorder

Work = Callable[[sqlite3.Connection], Any]


class SqliteSaver(Recorder, BaseCheckpointSaver[str]):
    """Keeps the state, the review queue and the run ledger of any LangGraph graph in one SQLite file.

    Safe among threads and processes. Use it as a context manager, or call ``close`` when done.

    ``serde`` turns values into bytes (LangGraph's default: JSON-like data, messages, pydantic models; no pickle). With
    LangGraph's EncryptedSerializer state, writes, journal and trace are encrypted, questions and decisions are not.
    ``synchronous`` is what a stored step survives: FULL a power cut, NORMAL and OFF any end of the process.
    ``linger`` lets steps and results of tasks wait in memory so many seconds (at most 1) after their call has returned,
    so that many share a commit: those that a violent end finds there are computed again. Whatever else is written or
    read commits them first. What of them cannot be stored is raised to the next call for their thread, or by ``flush``
    and ``close``.
    ``readonly`` opens an existing file to look at it.

    Raises StoreReadOnly, StoreNewer, StoreOlder, StoreCorrupt, StoreBusy, StoreFull, or StoreError with words of its
    own.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        serde: SerializerProtocol | None = None,
        synchronous: Synchronous = "FULL",
        linger: float = 0.0,
        readonly: bool = False,
    ) -> None:
        super().__init__(serde=serde)
        self.database = Database(path, synchronous=synchronous, linger=linger, readonly=readonly)
        self.path = self.database.path
        self._memory = Memory()
        forks.heed(self._memory)
        self.cache = SqliteCache(self.database, serde=serde)
        self._begin()

    @classmethod
    def from_conn_string(cls, conn_string: str) -> Self:
        """As ``SqliteSaver(path)``, under the name that langgraph-checkpoint-sqlite has for it, sync and async."""
        return cls(conn_string)

    def flush(self) -> None:
        """Return once everything is committed that lingers; raises what of it was lost."""
        self.database.settle()

    async def aflush(self) -> None:
        """As ``flush``."""
        await asyncio.to_thread(self.flush)

    def close(self) -> None:
        """Commit what is still to be committed and let the file go."""
        self._journal.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SqliteSaver({str(self.path)!r})"

    # What is written

    @property
    def _drafts(self) -> Drafts:
        return Drafts(self.serde, self._memory)

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint; returns the config that names it."""
        work = self._drafts.checkpoint(config, checkpoint, _metadata(config, metadata), new_versions)
        if not self.database.owe(work, self._learn):
            self._learn(self.database.write(work, of=_thread(config)))
        return _named(config, checkpoint)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As ``put``."""
        work = self._drafts.checkpoint(config, checkpoint, _metadata(config, metadata), new_versions)
        if not self.database.owe(work, self._learn):
            self._learn(await self.database.awrite(work, of=_thread(config)))
        return _named(config, checkpoint)

    def _learn(self, stored: states.Stored) -> None:
        stored.remember(self._memory)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, and in the same transaction what that means for the review queue."""
        work = self._drafts.writes(config, writes, task_id, task_path)
        if not self.database.owe(work):
            self.database.write(work, patient=work.task.ordinary, of=_thread(config))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As ``put_writes``; where very many branches end at once, they share transactions."""
        work = self._drafts.writes(config, writes, task_id, task_path)
        if not self.database.owe(work):
            await self.database.awrite(work, patient=work.task.ordinary, of=_thread(config))

    def get_next_version(self, current: str | None, channel: None) -> str:
        """The version after ``current``: it sorts after it, and two forks never make the same one.

        As LangGraph's other savers make them, but 21 characters long, not 51: a checkpoint names one for each channel.
        """
        number = int(str(current).split(".")[0]) if current is not None else 0
        return f"{number + 1:010}.{random.getrandbits(40):010x}"

    # What is read

    @property
    def _readings(self) -> Readings:
        return Readings(self.serde)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config names, or the newest of its thread and namespace."""
        record = self.database.read(self._fetch(config), of=_thread(config))
        return self._readings.found(record, config)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As ``get_tuple``."""
        record = await self.database.aread(self._fetch(config), of=_thread(config))
        return self._readings.found(record, config)

    def _fetch(self, config: RunnableConfig) -> Callable[[sqlite3.Connection], states.Record | None]:
        return partial(states.fetch, place=place(config), memory=self._memory)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints, newest first; nothing is held open or locked between two of them."""
        pages = Pages(config, filter, before, limit, self._readings.head)
        while pages.more:
            for record in self.database.read(pages.turn, of=_thread(config)):
                yield self._readings.checkpoint(record)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As ``list``."""
        pages = Pages(config, filter, before, limit, self._readings.head)
        while pages.more:
            for record in await self.database.aread(pages.turn, of=_thread(config)):
                yield self._readings.checkpoint(record)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """For each channel the writes on the way to a checkpoint, and the value they started from."""
        work = partial(states.history, place=place(config), channels=channels)
        return self._readings.history(self.database.read(work, of=_thread(config)))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As ``get_delta_channel_history``."""
        work = partial(states.history, place=place(config), channels=channels)
        return self._readings.history(await self.database.aread(work, of=_thread(config)))

    # Whole threads

    def delete_thread(self, thread_id: str) -> None:
        """Remove everything of a thread: state, questions, ledger, journal and trace; decisions stay on record."""
        self.database.write(lambda connection: threads.delete(connection, str(thread_id)))

    async def adelete_thread(self, thread_id: str) -> None:
        """As ``delete_thread``."""
        await self.database.awrite(lambda connection: threads.delete(connection, str(thread_id)))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Remove the checkpoints that some of LangGraph's runs (``run_id`` in their metadata) made.

        A DeltaChannel lacks from then on what they wrote since its last snapshot, as on any checkpointer.
        """
        self.database.write(partial(threads.delete_for_runs, run_ids=_texts(run_ids)))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As ``delete_for_runs``."""
        await self.database.awrite(partial(threads.delete_for_runs, run_ids=_texts(run_ids)))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread, whole, to a new one; its open questions are asked there too."""
        self.database.write(lambda connection: threads.copy(connection, str(source_thread_id), str(target_thread_id)))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As ``copy_thread``."""
        await self.database.awrite(
            lambda connection: threads.copy(connection, str(source_thread_id), str(target_thread_id))
        )

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Remove history: all but the newest checkpoint of each namespace ("keep_latest"), or all ("delete")."""
        self.database.write(self._prune(thread_ids, strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As ``prune``."""
        await self.database.awrite(self._prune(thread_ids, strategy))

    def _prune(self, thread_ids: Sequence[str], strategy: str) -> Work:
        ids, chosen = _texts(thread_ids), cast(threads.Strategy, strategy)
        return lambda connection: threads.prune(connection, ids, chosen, self._readings.metadata)


def _named(config: RunnableConfig, checkpoint: Checkpoint) -> RunnableConfig:
    at = place(config)
    return cast(RunnableConfig, configured(config.get("configurable", {})["thread_id"], at.ns, checkpoint["id"]))


def _thread(config: RunnableConfig | None) -> Sequence[str]:
    return (place(config).thread_id,) if config else ()


def _texts(ids: Sequence[object]) -> Sequence[str]:
    """Ids as they are stored: those of threads and runs may be given as numbers or UUIDs; a text is one."""
    return [ids] if isinstance(ids, str) else [str(one) for one in ids]


def _metadata(config: RunnableConfig, metadata: CheckpointMetadata) -> dict[str, Any]:
    return cast(dict[str, Any], get_checkpoint_metadata(config, metadata))
