"""Any sequence of what a checkpointer can be asked for reads back as from memory, whatever happens in between."""

import asyncio
import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from twins import Twins, frozen

from treadle.checkpoints.care.checkups import checkup

THREADS, SPACES, CHANNELS = ("t", "u", 'v "odd" \U0001f9f5'), ("", "inner:1", "inner:1|deep:2"), ("a", "b", "c")
RUNS, USERS = ("run 1", "run 2"), ("ann", "bob")
PIECES = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.text(max_size=80), st.binary(max_size=20), st.none(), st.just("long " * 400)
)
CHANGES = st.dictionaries(
    st.sampled_from(CHANNELS), st.tuples(st.sampled_from(["add", "add", "set", "clear", "same"]), PIECES), max_size=3
)
WRITES = st.lists(st.tuples(st.sampled_from((*CHANNELS, "__error__", "__resume__")), PIECES), min_size=1, max_size=4)
PLACES = st.integers(0, 40)
"""Which of the checkpoints so far, counted from the newest and round about."""


def at(thread: str, ns: str | None = "", id_: str | None = None) -> Any:
    named = {"checkpoint_ns": ns, "checkpoint_id": id_}
    return {"configurable": {"thread_id": thread, **{key: value for key, value in named.items() if value is not None}}}


class Contract(RuleBasedStateMachine):
    """Does everything on SQLite and in memory; whatever is read is compared."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.memory = InMemorySaver()
        self.known: list[tuple[Any, dict[str, Any], dict[str, Any]]] = []
        """Configs, values and versions of the checkpoints there are."""
        self.entered: set[str] = set()
        """Threads that there are, some of which may have lost all their checkpoints with a run."""
        self.twins, self.other = self.opened(), self.opened()

    def opened(self) -> Twins:
        twins = Twins(self.folder / "x.db")
        twins.memory = self.memory
        return twins

    def teardown(self) -> None:
        self.twins.agree()
        assert {problem.kind for problem in checkup(self.twins)} <= {"leftover"}
        self.twins.close()
        self.other.close()
        shutil.rmtree(self.folder)

    def one(self, place: int) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        return self.known[-1 - place % len(self.known)]

    # What is written

    @initialize(thread=st.sampled_from(THREADS), changes=CHANGES)
    def first(self, thread: str, changes: Any) -> None:
        self.begin(thread, "", changes, "input", None, "ann")

    @rule(
        thread=st.sampled_from(THREADS), ns=st.sampled_from(SPACES), changes=CHANGES, source=st.just("input"),
        run=st.sampled_from((None, *RUNS)), user=st.sampled_from(USERS),
    )  # fmt: skip
    def begin(self, thread: str, ns: str, changes: Any, source: str, run: str | None, user: str) -> None:
        self._put(at(thread, ns), {}, {}, changes, {"source": source, "step": -1, "user": user}, run)

    @precondition(lambda self: self.known)
    @rule(
        place=PLACES, changes=CHANGES, source=st.sampled_from(["loop", "update", "fork"]), step=st.integers(0, 3),
        run=st.sampled_from((None, *RUNS)), user=st.sampled_from(USERS),
    )  # fmt: skip
    def follow(self, place: int, changes: Any, source: str, step: int, run: str | None, user: str) -> None:
        config, values, versions = self.one(place)
        self._put(config, values, versions, changes, {"source": source, "step": step, "user": user}, run)

    def _put(
        self, config: Any, values: dict[str, Any], versions: dict[str, Any], changes: Any, said: Any, run: str | None
    ) -> None:
        """Put a checkpoint as LangGraph would: some channels change, add to what they were, or become empty."""
        values, versions, new = copy.deepcopy(values), dict(versions), dict[str, Any]()
        for name, (how, piece) in changes.items():
            new[name] = versions[name] = self.twins.get_next_version(versions.get(name), None)
            before = values.get(name)
            if how == "clear":
                values.pop(name, None)
            elif how == "add":
                values[name] = [*before, piece, "long " * 40] if isinstance(before, list) else [piece]
            elif how == "set":
                values[name] = piece
        checkpoint: Any = {**empty_checkpoint(), "channel_values": values, "channel_versions": versions}
        metadata: Any = {**said, **({"run_id": run} if run else {})}
        self.entered.add(config["configurable"]["thread_id"])
        if said["step"] % 2:
            made = asyncio.run(self.twins.aput(config, checkpoint, metadata, new))
        else:
            made = self.twins.put(config, checkpoint, metadata, new)
        self.known.append((made, values, versions))

    @precondition(lambda self: self.known)
    @rule(
        place=PLACES, writes=WRITES, task=st.sampled_from(["task 1", "task 2"]),
        path=st.sampled_from(["", "~path 1", "~path 2"]), api=st.sampled_from(["sync", "async"]),
    )  # fmt: skip
    def write(self, place: int, writes: Any, task: str, path: str, api: str) -> None:
        config = self.one(place)[0]
        if api == "sync":
            self.twins.put_writes(config, writes, task, path)
        else:
            asyncio.run(self.twins.aput_writes(config, writes, task, path))

    # What is read

    @precondition(lambda self: self.known)
    @rule(place=PLACES)
    def read(self, place: int) -> None:
        config = self.one(place)[0]
        self.twins.get_tuple(config)
        self.twins.get_delta_channel_history(config=config, channels=CHANNELS)
        found = asyncio.run(self.twins.aget_tuple(config))
        assert frozen(found) == frozen(self.memory.get_tuple(config))

    @rule(
        thread=st.sampled_from((None, *THREADS)), ns=st.sampled_from((None, *SPACES)), place=PLACES,
        wanted=st.fixed_dictionaries(
            {}, optional={"source": st.sampled_from(["loop", "input"]), "step": st.integers(-1, 3),
                          "user": st.sampled_from(USERS), "run_id": st.sampled_from(RUNS)}
        ),
        limit=st.sampled_from([None, 0, 1, 3, 50]), earlier=st.booleans(),
    )  # fmt: skip
    def listed(self, thread: Any, ns: Any, place: int, wanted: Any, limit: Any, earlier: bool) -> None:
        before = self.one(place)[0] if earlier and self.known else None
        # In memory a limit over several threads or namespaces is not one of the newest.
        whole = thread is not None and ns is not None
        list(self.twins.list(at(thread, ns) if thread else None, filter=wanted, before=before,
                             limit=limit if whole else None))  # fmt: skip

    # Whole threads

    @rule(thread=st.sampled_from(THREADS))
    def delete(self, thread: str) -> None:
        self.twins.delete_thread(thread)
        self.entered.discard(thread)
        self.memory.delete_thread(thread)
        self._keep(lambda config: config["thread_id"] != thread)

    @rule(source=st.sampled_from(THREADS), new=st.sampled_from(THREADS))
    def copied(self, source: str, new: str) -> None:
        if new in self.entered:
            with pytest.raises(ValueError, match="exists already"):
                self.twins.copy_thread(source, new)
            return
        self.twins.copy_thread(source, new)
        self.entered |= {new} if source in self.entered else set()
        for ns, found in self.memory.storage[source].items():
            self.memory.storage[new][ns] = dict(found)
        for (thread, ns, id_), wrote in list(self.memory.writes.items()):
            if thread == source:
                self.memory.writes[new, ns, id_] = dict(wrote)
        for (thread, *rest), blob in list(self.memory.blobs.items()):
            if thread == source:
                self.memory.blobs[new, *rest] = blob  # type: ignore[index]
        for config, values, versions in list(self.known):
            place = config["configurable"]
            if place["thread_id"] == source:
                self.known.append((at(new, place["checkpoint_ns"], place["checkpoint_id"]), values, versions))

    @rule(thread=st.sampled_from(THREADS), strategy=st.sampled_from(["keep_latest", "keep_latest", "delete"]))
    def prune(self, thread: str, strategy: str) -> None:
        if strategy == "delete":
            self.twins.prune([thread], strategy=strategy)
            self.entered.discard(thread)
            self.memory.delete_thread(thread)
            self._keep(lambda config: config["thread_id"] != thread)
            return
        self.twins.prune([thread])
        newest = {ns: max(found) for ns, found in self.memory.storage[thread].items() if found}
        self._remove(lambda place: place[0] == thread and place[2] != newest[place[1]])

    @rule(run=st.sampled_from(RUNS))
    def forget_run(self, run: str) -> None:
        self.twins.delete_for_runs([run])
        of_run = {
            (found.config["configurable"]["thread_id"], found.config["configurable"]["checkpoint_ns"],
             found.checkpoint["id"])
            for found in self.memory.list(None) if found.metadata.get("run_id") == run
        }  # fmt: skip
        self._remove(lambda place: place in of_run)

    def _remove(self, gone: Any) -> None:
        for thread, spaces in self.memory.storage.items():
            for ns, found in spaces.items():
                for id_ in [one for one in found if gone((thread, ns, one))]:
                    del found[id_]
                    self.memory.writes.pop((thread, ns, id_), None)
        self._keep(lambda config: not gone((config["thread_id"], config["checkpoint_ns"], config["checkpoint_id"])))

    def _keep(self, wanted: Any) -> None:
        self.known = [one for one in self.known if wanted(one[0]["configurable"])]

    # What happens in between

    @rule()
    def reopen(self) -> None:
        self.twins.close()
        self.twins = self.opened()

    @rule()
    def lose_memory(self) -> None:
        """As after a restart, or in another process."""
        self.twins._memory = type(self.twins._memory)()

    @rule()
    def turn(self) -> None:
        """Another process goes on, which remembers the file as it last saw it."""
        self.twins, self.other = self.other, self.twins

    @invariant()
    def nothing_differs(self) -> None:
        assert self.twins.differences == []


TestContract = Contract.TestCase
TestContract.settings = settings(
    deadline=None, max_examples=25, stateful_step_count=30, suppress_health_check=list(HealthCheck)
)
