"""`fan_out`: one worker over many items, or many workers over one item, joined in order."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from langgraph.graph import END, START

from treadle.errors import GraphBuildError
from treadle.graphs.patterns import Pattern
from treadle.graphs.places import Place
from treadle.graphs.scatters.draws import Supplier
from treadle.graphs.scatters.fans import WORK, Fan, working
from treadle.graphs.scatters.gathers import JOIN, Gather
from treadle.graphs.scatters.items import Naming
from treadle.graphs.scatters.lanes import in_lanes
from treadle.graphs.scatters.manners import fitting, sensible
from treadle.graphs.scatters.shards import shards
from treadle.graphs.scatters.staffs import hired
from treadle.graphs.scatters.supplies import Supply, supplying
from treadle.nodes.functions import hints, step
from treadle.nodes.inquiries.companies import PATIENCE
from treadle.nodes.inquiries.deadlines import Span
from treadle.nodes.inquiries.durations import span
from treadle.nodes.joins import Join, as_list
from treadle.nodes.limits import Limit
from treadle.nodes.outcomes import Outcome
from treadle.nodes.policies.batches import Batch
from treadle.nodes.policies.hedges import Hedge
from treadle.nodes.policies.identities import KEY
from treadle.nodes.policies.quorums import OnError
from treadle.nodes.policies.retries import Retry
from treadle.nodes.selections import Joining, join_of


def fan_out(
    worker: Place | Sequence[Place],
    *,
    over: str | Supplier | None = None,
    item: str = "item",
    into: str = "results",
    key: Naming | None = None,
    context: Sequence[str] = (),
    limit: int = 16,
    limits: Sequence[Limit] = (),
    attempts: int | Retry = 1,
    fallback: Sequence[Place] = (),
    hedge: Hedge | None = None,
    timeout: Span | None = None,
    need: float | int | None = None,
    within: Span | None = None,
    on_error: OnError = "keep",
    pure: bool = False,
    batch: Batch | None = None,
    lanes: bool = False,
    pauses: bool = False,
    withdraw: bool = False,
    together: Span | None = None,
    every: float | None = 1.0,
    progressive: bool = False,
    executor: Executor | Callable[[], Executor] | None = None,
    join: Join | Joining | Callable[[Any, Any], Any] = as_list,
    name: str | None = None,
) -> Pattern:
    """Run a worker once for every item of the list under `over`, each in a branch of its own, and join the results.

    A worker sees its item under the key `item`, and of the rest of the state only the keys that `context` names.
    Several workers each get every item; without `over`, they all get the same input. Each may be anything that a
    `chain` takes, reviews included: then an item that waits for a person holds only itself.

    The join gets every outcome in item order; its result goes to `into`, the outcomes to ``<into>_outcomes``. An empty
    list is joined like any other. `key` says what an item is called, as the name of one of its fields or a function of
    it: outcomes and errors say so, and two items of one name are refused.

    A function as `over`, whose parameters are state keys, makes the items as they are needed, async ones on the async
    API: 1,024 are taken at a time and forgotten when they are joined (into a list, by a reducer or a tree). Then
    outcomes are those of failures alone, of the first 1,000. After a crash the function is called anew, and must give
    the same items. A share as `need` or `on_error` is judged when there are no more.

    **How many at once.** `limit` branches work at once, sync or async, over all runs of this fan-out in the process.
    `limits` are shared by everything that uses one resource (see `treadle.nodes.limits.limit`). Shards of 128 are
    admitted as room appears, so that 10,000 items cost an item what 1,000 do. `lanes` runs workers that take less than
    a millisecond in `limit` loops: a quarter of the cost, without a step of LangGraph's for each item. `executor` takes
    plain functions elsewhere: any `concurrent.futures.Executor`, or a function that makes one (and makes it anew if it
    breaks); arguments and results must then be picklable for processes.

    **Failures.** A branch is tried `attempts` times, or as a `Retry` says, then each `fallback` is; then it is recorded
    as failed, without harm to the others. A call that takes longer than `timeout` has failed; `hedge` starts a
    second one beside a slow one. `on_error="raise"` makes the first failure fail the run, a share that many. An error
    that looks like a bug (TypeError and the like) always does.

    **Enough.** `need` is how many branches must succeed, as a number or a share; `within` is the time, in
    seconds or such as ``"2m"``. A run
    goes on as soon as there are enough (0 asks for none, and waits for all) or when time is up. What has not ended then
    is cancelled and recorded as such. Where workers stop for a person, what waits for an answer waits on: `within` is
    about the machine's time, which counts anew when the run is resumed, and `need` is judged at the end. With
    `withdraw` the run goes on without those answers as soon as there are enough: their questions are taken back.

    **People.** LangGraph runs every branch that waits again whenever the run goes on, so answers are taken over
    together: after `together` at most (a span such as ``"10m"``), or as soon as nobody has anything left to decide.
    Without it that is an hour where nothing follows a review in its branch, and less where something does.

    **Twice.** With treadle's saver every finished item is stored as it finishes, and never run again. What was under
    way in a crash does run again: what reads `idempotency_key`, or calls ``treadle.nodes.idempotency_key()`` at any
    depth, gets a key that stays the same. Of equal items of a worker that is `pure` one is run. With `batch` a worker
    takes a list of items and gives a list of values. A worker that is a graph, and no single step, keeps checkpoints of
    its own and can pause; a function that calls LangGraph's ``interrupt`` can where `pauses` says so.

    **News.** Every `every` seconds a custom event tells how far the run is; `progressive` adds the join so far.

    Raises:
        GraphBuildError: for a worker that reads what it is not given, a limit below one, or nothing to fan out.
        QuorumNotMet: when the run has fewer successes than `need`, or all of its branches failed.
        BranchesFailed: when more failed than `on_error` allows.
    """
    label, joining = name or into, join_of(join, name or into)
    several = {"fallback": fallback, "limits": limits, "context": context}
    sensible(label, over=over, key=key, need=need, on_error=on_error, limit=limit, batch=batch, hedge=hedge, **several)
    if not isinstance(attempts, Retry) and attempts < 1:
        raise GraphBuildError(f"fan-out {label!r}: attempts={attempts} must be at least 1")
    retry = attempts if isinstance(attempts, Retry) else Retry(attempts=attempts)
    patience, deadline = (None if one is None else span(one, where=label) for one in (timeout, within))
    workers = worker if isinstance(worker, list | tuple) else [worker]
    staff = hired(label, workers, fallback, given=[item, *context] if over else None)
    if batch is not None:
        staff = staff.batched(item, whole=over is None)
    leaves, pausing = not pauses and staff.leaves, pauses or staff.pausing
    fitting(
        staff,
        over=over,
        leaves=leaves,
        pausing=pausing,
        lanes=lanes,
        withdraw=withdraw,
        need=need,
        timeout=patience,
    )
    source = step(over, into="items", name=label) if callable(over) else None
    taken = source.reads if source is not None else [over] if isinstance(over, str) else staff.reads
    reads = [key for key in dict.fromkeys([*taken, *context]) if key != KEY]
    outcomes = f"{into}_outcomes"
    keys = {**dict.fromkeys(reads, Any), into: Any, outcomes: list[Outcome]}
    gathered = {
        into: staff.gives(batch) if join is as_list else _joins(joining),
        outcomes: list[Outcome],
    }
    takes = staff.takes(over if isinstance(over, str) else None, item, batch)
    pattern = Pattern(label, kind="fan-out", reads=reads, writes=gathered, output=into, keys=keys, takes=takes)
    pattern.pausing, pattern.settling = staff.pausing, staff.settling
    fan = Fan(
        label,
        workers=staff.names,
        over=label if source is not None else over if isinstance(over, str) else None,
        item=item,
        key=key,
        context=tuple(context if over else reads),
        outcomes=outcomes,
        retry=retry,
        limit=limit,
        need=need,
        within=deadline,
        on_error=on_error,
        leaves=leaves,
        together=span(together, where=label)
        if together is not None
        else PATIENCE
        if staff.settling and not withdraw
        else None,
        pausing=pausing,
        withdraw=withdraw,
        lanes=lanes,
        hedged=hedge is not None,
        pure=pure,
        batch=batch,
        every=every,
        progressive=_running(joining, label) if progressive else None,
        executor=executor,
    )
    branches = staff.branches(retry, hedge, limits, patience)
    wide = shards(branches, label, durable=True)
    light = in_lanes(branches, label, limit=limit) if lanes else shards(branches, label, durable=False)
    pattern.add_edge(START, WORK)
    if source is not None:
        supply: Any = supplying(Supply(fan, source, into, joining), wide, light)
        pattern.add_node(WORK, supply)
        pattern.add_edge(WORK, END)
        return pattern
    run: Any = working(fan, wide, light)
    pattern.add_node(WORK, run)
    gather: Any = Gather(outcomes, into=into, join=joining)
    pattern.add_node(JOIN, gather)
    pattern.add_edge(WORK, JOIN)
    pattern.add_edge(JOIN, END)
    return pattern


def _joins(join: Join | Joining) -> Any:
    """The type that a join gives, where it says so."""
    return Any if isinstance(join, Joining) else hints(join).get("return", Any)


def _running(join: Join | Joining, label: str) -> Join:
    """The join, where its value so far can be told."""
    if isinstance(join, Joining):
        raise GraphBuildError(
            f"fan-out {label!r}: progressive= joins what is there again and again, and its join= asks a step, which "
            "would be asked each time; leave progressive= out, or join without asking"
        )
    return join
