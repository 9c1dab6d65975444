"""A saver that does everything twice, on SQLite and in memory, and notices any difference in what is read back."""

import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver

from treadle.checkpoints import SqliteSaver

STABLE = InMemorySaver().serde


def frozen(found: CheckpointTuple | None) -> Any:
    """Everything in a tuple, in a form that compares: what the serializer makes of it."""
    if found is None:
        return None
    values = {
        channel: sorted(value) if isinstance(value, set) else value  # a set has no order to compare
        for channel, value in sorted(found.checkpoint["channel_values"].items())
    }
    checkpoint = {**found.checkpoint, "channel_values": values}
    writes = [(task, channel, STABLE.dumps_typed(value)) for task, channel, value in found.pending_writes or ()]
    parent = found.parent_config["configurable"] if found.parent_config else None
    return (
        found.config["configurable"]["checkpoint_id"],
        STABLE.dumps_typed(dict(sorted(checkpoint.items()))),
        STABLE.dumps_typed(found.metadata),
        parent,
        writes,
    )


def _id(found: CheckpointTuple) -> str:
    return found.checkpoint["id"]


def _place(found: CheckpointTuple) -> tuple[str, str, str]:
    """Copies have the ids of what they were copied from, and no order among them."""
    at = found.config["configurable"]
    return found.checkpoint["id"], str(at["thread_id"]), at["checkpoint_ns"]


class Twins(SqliteSaver):
    """Does everything twice. ``differences`` is empty as long as both agree."""

    def __init__(self, path: Any, **how: Any) -> None:
        super().__init__(path, synchronous="OFF", **how)
        self.memory = InMemorySaver(serde=self.serde)
        self.both = threading.RLock()
        self.differences: list[Any] = []

    def compare(self, question: str, ours: Any, theirs: Any) -> None:
        if ours != theirs:
            self.differences.append((question, ours, theirs))

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        with self.both:
            found = super().get_tuple(config)
            self.compare(f"get_tuple {config}", frozen(found), frozen(self.memory.get_tuple(config)))
        return found

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        with self.both:
            found = [*super().list(config, filter=filter, before=before, limit=limit)]
            theirs = [*self.memory.list(config, filter=filter, before=before, limit=limit)]
            told = found
            if config is None or config["configurable"].get("checkpoint_ns") is None:
                self.compare("order", [*map(_id, found)], sorted(map(_id, found), reverse=True))
                told, theirs = (sorted(some, key=_place, reverse=True) for some in (found, theirs))
            self.compare(f"list {config}", [frozen(one) for one in told], [frozen(one) for one in theirs])
        yield from found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        with self.both:
            result = super().put(config, checkpoint, metadata, new_versions)
            self.compare("put", result, self.memory.put(config, checkpoint, metadata, new_versions))
        return result

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        with self.both:
            super().put_writes(config, writes, task_id, task_path)
            self.memory.put_writes(config, writes, task_id, task_path)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await super().aget_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        async for found in super().alist(config, filter=filter, before=before, limit=limit):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        result = await super().aput(config, checkpoint, metadata, new_versions)
        self.compare("aput", result, self.memory.put(config, checkpoint, metadata, new_versions))
        return result

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await super().aput_writes(config, writes, task_id, task_path)
        self.memory.put_writes(config, writes, task_id, task_path)

    def get_delta_channel_history(self, *, config: RunnableConfig, channels: Sequence[str]) -> Mapping[str, Any]:
        with self.both:
            found = super().get_delta_channel_history(config=config, channels=channels)
            theirs = self.memory.get_delta_channel_history(config=config, channels=channels)
            self.compare(f"history {config}", STABLE.dumps_typed(found), STABLE.dumps_typed(theirs))
        return found

    def agree(self) -> bool:
        """Compare everything there is, in every way of asking for it."""
        threads = list(self.memory.storage)
        for thread in threads:
            for ns in list(self.memory.storage[thread]):
                at: RunnableConfig = {"configurable": {"thread_id": thread, "checkpoint_ns": ns}}
                for found in [*self.list(at)]:
                    self.get_tuple(found.config)
                    channels = sorted(found.checkpoint["channel_versions"])
                    self.get_delta_channel_history(config=found.config, channels=channels)
                self.get_tuple(at)
            [*self.list({"configurable": {"thread_id": thread}})]
        [*self.list(None)]
        assert self.differences == []
        return True
