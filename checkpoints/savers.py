"""The saver: LangGraph's checkpointer on a treadle database, sync and async on one object."""

import os
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from treadle.checkpoints import versions
from treadle.checkpoints.caches import SqliteCache
from treadle.checkpoints.desks.inquiries import inquiry
from treadle.checkpoints.disks.databases import Database, Synchronous
from treadle.checkpoints.layouts import journals, states, threads
from treadle.checkpoints.layouts.drafts import Drafts
from treadle.checkpoints.layouts.memories import Memory
from treadle.checkpoints.layouts.news import tell
from treadle.checkpoints.layouts.pages import Pages
from treadle.checkpoints.layouts.spaces import configured, place
from treadle.checkpoints.layouts.states import Record
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.writes import Write
from treadle.checkpoints.traces import trace
from treadle.errors import StoreCorrupt

Work = Callable[[sqlite3.Connection], Any]

_inherited: list[object] = []
"""What a parent process writes its journal with: it is that one's to let go."""


class SqliteSaver(BaseCheckpointSaver[str]):
    """Keeps the state, the review queue and the run ledger of any LangGraph graph in one SQLite file.

    Safe among threads and processes. Use it as a context manager, or call ``close`` when done.

    ``serde`` turns values into bytes (LangGraph's default: JSON-like data, messages, pydantic models; no pickle). With
    LangGraph's EncryptedSerializer state, writes, journal and trace are encrypted, questions and decisions are not.
    ``synchronous`` is what a stored step survives: FULL a power cut, NORMAL and OFF any end of the process.
    ``readonly`` opens an existing file to look at it.

    Raises StoreReadOnly, StoreNewer, StoreCorrupt, StoreBusy, StoreFull, or StoreError with words of its own.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        serde: SerializerProtocol | None = None,
        synchronous: Synchronous = "FULL",
        readonly: bool = False,
    ) -> None:
        super().__init__(serde=serde)
        self.database = Database(path, synchronous=synchronous, readonly=readonly)
        self.path = self.database.path
        self._memory = Memory()
        self._versions: set[tuple[str, str]] = set()
        self.cache = SqliteCache(self.database, serde=serde)
        self._begin()

    def _begin(self) -> None:
        """What belongs to one process; made anew in a forked child."""
        self._entries, self._process = journals.Entries(self.database), os.getpid()

    @property
    def _journal(self) -> journals.Entries:
        if self._process != os.getpid():
            _inherited.append(self._entries)
            self._begin()
        return self._entries

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
        self.database.write(work).remember(self._memory)
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
        (await self.database.awrite(work)).remember(self._memory)
        return _named(config, checkpoint)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, and in the same transaction what that means for the review queue."""
        work = self._drafts.writes(config, writes, task_id, task_path)
        self.database.write(work, patient=_ordinary(writes))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As ``put_writes``; where very many branches end at once, they share transactions."""
        work = self._drafts.writes(config, writes, task_id, task_path)
        await self.database.awrite(work, patient=_ordinary(writes))

    def get_next_version(self, current: str | None, channel: None) -> str:
        """The version after ``current``: it sorts after it, and two forks never make the same one."""
        number = int(str(current).split(".")[0]) if current is not None else 0
        return f"{number + 1:032}.{random.random():016}"

    # What is read

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config names, or the newest of its thread and namespace."""
        record = self.database.read(lambda connection: states.fetch(connection, place(config), self._memory.tails))
        return self._found(record, config)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As ``get_tuple``."""
        tails = self._memory.tails
        record = await self.database.aread(lambda connection: states.fetch(connection, place(config), tails))
        return self._found(record, config)

    def _found(self, record: Record | None, config: RunnableConfig) -> CheckpointTuple | None:
        if record is None:
            return None
        found = self._tuple(record)
        return found._replace(config=config) if place(config).id else found

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints, newest first; nothing is held open or locked between two of them."""
        pages = Pages(config, filter, before, limit, self._head)
        while pages.more:
            for record in self.database.read(pages.turn):
                yield self._tuple(record)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As ``list``."""
        pages = Pages(config, filter, before, limit, self._head)
        while pages.more:
            for record in await self.database.aread(pages.turn):
                yield self._tuple(record)

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """For each channel the writes on the way to a checkpoint, and the value they started from."""
        return self._history(self.database.read(lambda connection: states.history(connection, place(config), channels)))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As ``get_delta_channel_history``."""
        return self._history(
            await self.database.aread(lambda connection: states.history(connection, place(config), channels))
        )

    def _history(self, found: Mapping[str, tuple[Sequence[Write], Typed | None]]) -> dict[str, DeltaChannelHistory]:
        result: dict[str, DeltaChannelHistory] = {}
        for name, (writes, seed) in found.items():
            result[name] = {"writes": [(task, channel, self._load(value)) for task, channel, _, value in writes]}
            if seed is not None:
                result[name]["seed"] = self._load(seed)
        return result

    def _load(self, value: Typed) -> Any:
        try:
            return self.serde.loads_typed(value)
        except Exception as error:
            raise StoreCorrupt(
                f"A value in the database {self.path} cannot be decoded ({type(error).__name__}: {error}): it is"
                " damaged, or was written with another serializer. `treadle db check` names all such values."
            ) from error

    def _head(self, value: Typed) -> tuple[dict[str, Any], dict[str, Any]]:
        """The checkpoint without its values, and its metadata."""
        checkpoint, metadata = self._load(value)
        return checkpoint, metadata

    def _tuple(self, record: Record) -> CheckpointTuple:
        checkpoint, metadata = self._head(record.head)
        checkpoint["channel_values"] = {name: self._load(value) for name, value in record.values.items()}
        thread_id, ns, id_ = record.place
        parent = configured(thread_id, ns, record.parent_id) if record.parent_id else None
        return CheckpointTuple(
            cast(RunnableConfig, configured(thread_id, ns, id_)),
            cast(Checkpoint, checkpoint),
            cast(CheckpointMetadata, metadata),
            cast(RunnableConfig | None, parent),
            [(task, channel, self._load(value)) for task, channel, _, value in record.writes],
        )

    # Whole threads

    def delete_thread(self, thread_id: str) -> None:
        """Remove everything of a thread: state, questions, ledger, journal and trace; decisions stay on record."""
        self.database.write(lambda connection: threads.delete(connection, thread_id))

    async def adelete_thread(self, thread_id: str) -> None:
        """As ``delete_thread``."""
        await self.database.awrite(lambda connection: threads.delete(connection, thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Remove the checkpoints that some of LangGraph's runs (``run_id`` in their metadata) made."""
        self.database.write(lambda connection: threads.delete_for_runs(connection, run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """As ``delete_for_runs``."""
        await self.database.awrite(lambda connection: threads.delete_for_runs(connection, run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread, whole, to a new one; its open questions are asked there too."""
        self.database.write(lambda connection: threads.copy(connection, source_thread_id, target_thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """As ``copy_thread``."""
        await self.database.awrite(lambda connection: threads.copy(connection, source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Remove history: all but the newest checkpoint of each namespace ("keep_latest"), or all ("delete")."""
        self.database.write(self._prune(thread_ids, strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As ``prune``."""
        await self.database.awrite(self._prune(thread_ids, strategy))

    def _prune(self, thread_ids: Sequence[str], strategy: str) -> Work:
        chosen = cast(threads.Strategy, strategy)
        return lambda connection: threads.prune(connection, thread_ids, chosen, lambda head: self._head(head)[1])

    # What steps record

    def recall(self, thread_id: str, key: str) -> tuple[Any] | None:
        """What a step remembered under a key, in a tuple, or None."""
        return journals.recall(self.database, thread_id, key, self._load)

    def remember(self, thread_id: str, key: str, value: Any) -> None:
        """Keep a step's result; returns once it is committed. The first value kept stays."""
        self._journal.remember(thread_id, key, value, self.serde.dumps_typed)

    async def aremember(self, thread_id: str, key: str, value: Any) -> None:
        """As ``remember``; entries of many coroutines share a transaction."""
        await self._journal.aremember(thread_id, key, value, self.serde.dumps_typed)

    def remembered(self, thread_id: str, prefix: str) -> dict[str, Any]:
        """Everything that steps remembered under keys that begin with a prefix, by the rest of the key."""
        return journals.remembered(self.database, thread_id, prefix, self._load)

    def kept(self, thread_id: str) -> Sequence[str]:
        """The keys of everything that a thread's steps remembered."""
        return journals.keys(self.database, thread_id)

    def inquire(self, config: RunnableConfig, question: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
        """Queue a question that holds no run; durable on return. A task that asks it again gets the same id."""
        return self.database.write(inquiry(config, question, schema))

    async def ainquire(self, config: RunnableConfig, question: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
        """As ``inquire``."""
        return await self.database.awrite(inquiry(config, question, schema))

    def register(self, graph: str, fingerprint: str, described: Any) -> None:
        """Keep what a version of a graph is made of, once."""
        if not self.database.readonly and (graph, fingerprint) not in self._versions:
            versions.keep(self.database, graph, fingerprint, described)
            self._versions.add((graph, fingerprint))

    def trace(self, thread_id: str, entry: Mapping[str, Any]) -> None:
        """Append one record to a run's trace; it is committed within some milliseconds."""
        trace(self.database, thread_id, entry, self.serde.dumps_typed)

    def tell(self, thread_id: str, news: Mapping[str, Any]) -> None:
        """Keep the newest news of one of a run's fan-outs."""
        tell(self.database, thread_id, news)


def _named(config: RunnableConfig, checkpoint: Checkpoint) -> RunnableConfig:
    at = place(config)
    return cast(RunnableConfig, configured(config.get("configurable", {})["thread_id"], at.ns, checkpoint["id"]))


def _ordinary(writes: Sequence[tuple[str, Any]]) -> bool:
    """Whether they hold results only: no question, no answer, no error."""
    return all(channel not in WRITES_IDX_MAP for channel, _ in writes)


def _metadata(config: RunnableConfig, metadata: CheckpointMetadata) -> dict[str, Any]:
    return cast(dict[str, Any], get_checkpoint_metadata(config, metadata))
