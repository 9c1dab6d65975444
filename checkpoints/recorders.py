"""What steps record in the store beside LangGraph's contract: journal, questions, versions, trace, news."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.base import SerializerProtocol

from treadle.checkpoints import versions
from treadle.checkpoints.desks.inquiries import inquiry
from treadle.checkpoints.desks.retractions import retract
from treadle.checkpoints.disks.databases import Database
from treadle.checkpoints.layouts import journals
from treadle.checkpoints.layouts.news import tell
from treadle.checkpoints.layouts.readings import decoded
from treadle.checkpoints.traces import trace

_inherited: list[object] = []
"""What a parent process writes its journal with: it is that one's to let go."""


class Recorder:
    """The part of a saver that treadle's own steps write to and read from."""

    database: Database
    serde: SerializerProtocol

    def _begin(self) -> None:
        """What belongs to one process; made anew in a forked child."""
        self._entries, self._process = journals.Entries(self.database), os.getpid()
        self._versions: set[tuple[str, str]] = set()

    @property
    def _journal(self) -> journals.Entries:
        if self._process != os.getpid():
            _inherited.append(self._entries)
            self._begin()
        return self._entries

    def recall(self, thread_id: str, key: str) -> tuple[Any] | None:
        """What a step remembered under a key, in a tuple, or None."""
        return journals.recall(self.database, thread_id, key, partial(decoded, self.serde))

    def remember(self, thread_id: str, key: str, value: Any, written: journals.Told = None) -> None:
        """Keep a step's result; returns once it is committed. The first value kept stays.

        ``written`` is called as soon as the result survives the process, though not yet a power cut.
        """
        self._journal.remember(thread_id, key, value, self.serde.dumps_typed, written)

    async def aremember(self, thread_id: str, key: str, value: Any, written: journals.Told = None) -> None:
        """As ``remember``; entries of many coroutines share a transaction."""
        await self._journal.aremember(thread_id, key, value, self.serde.dumps_typed, written)

    def remembered(self, thread_id: str, prefix: str) -> dict[str, Any]:
        """Everything that steps remembered under keys that begin with a prefix, by the rest of the key."""
        return journals.remembered(self.database, thread_id, prefix, partial(decoded, self.serde))

    def kept(self, thread_id: str) -> Sequence[str]:
        """The keys of everything that a thread's steps remembered."""
        return journals.keys(self.database, thread_id)

    def inquire(self, config: RunnableConfig, question: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
        """Queue a question that holds no run; durable on return. A task that asks it again gets the same id."""
        return self.database.write(inquiry(config, question, schema))

    async def ainquire(self, config: RunnableConfig, question: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
        """As ``inquire``."""
        return await self.database.awrite(inquiry(config, question, schema))

    def retract(self, thread_id: str, ns: str, why: str) -> int:
        """Close what is asked in a namespace of a run that needs no more answers there; returns how many that were."""
        return self.database.write(lambda connection: retract(connection, thread_id, ns, why))

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
