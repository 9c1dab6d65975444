"""What LangGraph gets back from the saver: stored checkpoints and writes, decoded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from treadle.checkpoints.layouts import sends
from treadle.checkpoints.layouts.spaces import configured, place
from treadle.checkpoints.layouts.states import Record
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.writes import Write
from treadle.errors import StoreCorrupt


@dataclass(frozen=True)
class Readings:
    """Decodes what was read; everything anew each time, since LangGraph and its users change what they get."""

    serde: SerializerProtocol

    def found(self, record: Record | None, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that a config asked for, with that config if it named one."""
        if record is None:
            return None
        found = self.checkpoint(record)
        return found._replace(config=config) if place(config).id else found

    def checkpoint(self, record: Record) -> CheckpointTuple:
        """A checkpoint with its values and pending writes."""
        checkpoint, metadata = self.head(record.head)
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

    def head(self, value: Typed) -> tuple[dict[str, Any], dict[str, Any]]:
        """The checkpoint without its values, and its metadata."""
        checkpoint, metadata = self._load(value)
        return checkpoint, metadata

    def metadata(self, value: Typed) -> dict[str, Any]:
        """The metadata of a checkpoint alone."""
        return self.head(value)[1]

    def history(self, found: Mapping[str, tuple[Sequence[Write], Typed | None]]) -> dict[str, DeltaChannelHistory]:
        """The writes of delta channels, each with the value they started from if there is one."""
        result: dict[str, DeltaChannelHistory] = {}
        for name, (writes, seed) in found.items():
            result[name] = {"writes": [(task, channel, self._load(value)) for task, channel, _, value in writes]}
            if seed is not None:
                result[name]["seed"] = self._load(seed)
        return result

    def _load(self, value: Typed) -> Any:
        return decoded(self.serde, value)


def decoded(serde: SerializerProtocol, value: Typed) -> Any:
    """A stored value as it was; StoreCorrupt, whatever the serializer raises for one that it does not understand."""
    try:
        return sends.load(serde, value)
    except Exception as error:
        raise StoreCorrupt(
            f"A stored value cannot be decoded ({type(error).__name__}: {error}): it is damaged, or was written with"
            " another serializer. `treadle db check` names all such values."
        ) from error
