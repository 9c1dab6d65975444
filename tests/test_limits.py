"""Limits are shared, fair, and find out what a resource puts up with; time is virtual where it matters."""

import asyncio
import heapq
import random
import threading
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.errors import GraphBuildError
from treadle.nodes.limits import Limit, Passed, limit, states
from treadle.nodes.limits.paces import Pace, Sent
from treadle.nodes.limits.quotas import Quota
from treadle.testing.mishaps import MISHAPS

names = (f"resource {number}" for number in count())


class Throttled(Exception):
    """As botocore tells it."""

    def __init__(self, after: float | None = None) -> None:
        mishap = MISHAPS["throttle"]
        headers = {} if after is None else {"retry-after": str(after)}
        self.response = {
            "Error": {"Code": mishap.code, "Message": mishap.message},
            "ResponseMetadata": {"HTTPStatusCode": mishap.status, "HTTPHeaders": headers},
        }


class Service:
    """A token bucket in virtual time, and callers that come back with a growing pause."""

    def __init__(self, rate: float, burst: float, *, noise: float = 0.0) -> None:
        self.rate, self.burst, self.noise = rate, burst, noise
        self.level, self.at = burst, 0.0
        self.chance = random.Random(3)

    def admits(self, now: float) -> bool:
        self.level, self.at = min(self.burst, self.level + (now - self.at) * self.rate), now
        if self.level < 1 or self.chance.random() < self.noise:
            return False
        self.level -= 1
        return True


def served(pace: Pace, service: Service, calls: int, *, at_once: int = 64, latency: float = 0.1) -> tuple[float, int]:
    """Virtual seconds until every call is answered, and how often one was sent at most."""
    now, tries = 0.0, [0] * calls
    waiting = [(0.0, number) for number in range(calls)]
    under_way: list[tuple[float, int, bool, Sent]] = []
    answered = 0
    while answered < calls:
        while waiting and waiting[0][0] <= now and len(under_way) < at_once and pace.wait(now) <= 1e-9:
            _, number = heapq.heappop(waiting)
            tries[number] += 1
            sent, passes = pace.send(now), service.admits(now)
            heapq.heappush(under_way, (now + (latency if passes else 0.004), number, passes, sent))
        soonest = [under_way[0][0]] if under_way else []
        if waiting and len(under_way) < at_once:
            soonest.append(max(waiting[0][0], now + pace.wait(now)))
        now = max(now, min(soonest))
        while under_way and under_way[0][0] <= now:
            _, number, passes, sent = heapq.heappop(under_way)
            answered += passes
            if not passes:
                pace.refuse(sent, now)
                pause = min(5, 0.1 * 2 ** (tries[number] - 1)) * service.chance.uniform(0.5, 1)
                heapq.heappush(waiting, (now + pause, number))
    return now, max(tries)


@pytest.mark.parametrize(
    ("rate", "burst", "calls"), [(50, 50, 500), (50, 5, 500), (10, 10, 100), (200, 10, 2000), (1 / 6, 10, 30)]
)
def test_a_pace_finds_what_a_service_admits_without_being_told(rate: float, burst: float, calls: int) -> None:
    seconds, most = served(Pace(), Service(rate, burst), calls)
    assert seconds <= 1.1 * (calls - burst) / rate + 0.3
    assert most <= 7


def test_a_pace_that_was_told_is_never_refused() -> None:
    pace = Pace(50)
    served(pace, Service(50, 50), 500)
    assert pace.cuts == 0


def test_refusals_by_chance_do_not_slow_anybody_down() -> None:
    seconds, _ = served(Pace(), Service(1e9, 1e9, noise=0.05), 2000)
    assert seconds < 1.5 * (2000 / 64) * 0.1 + 2


def test_what_was_sent_before_a_cut_does_not_cut_again() -> None:
    pace = Pace()
    sent = [pace.send(0.0) for _ in range(64)]
    for one in sent[1:]:
        pace.refuse(one, 0.1)
    assert pace.cuts == 1


def test_a_pace_rests_as_long_as_it_is_told_and_recovers_when_refusals_end() -> None:
    pace = Pace()
    for sent in [pace.send(0.0) for _ in range(5)]:
        pace.refuse(sent, 0.01, 4.99)
    assert pace.wait(1.0) == pytest.approx(4.0)
    slow = pace.rate(6.0)
    for second in range(6, 40):
        pace.send(float(second))
    assert pace.rate(40.0) > 4 * slow


@settings(deadline=None, max_examples=40)
@given(rate=st.floats(0.5, 200), burst=st.integers(1, 60), calls=st.integers(1, 300), at_once=st.integers(1, 64))
def test_whatever_a_service_admits_every_call_is_answered(rate: float, burst: int, calls: int, at_once: int) -> None:
    seconds, most = served(Pace(), Service(rate, burst), calls, at_once=at_once)
    assert most <= 12
    assert seconds < 3 * calls / rate + 60


def test_a_quota_charges_what_is_expected_and_corrects_it() -> None:
    quota = Quota(60_000, 0.0)
    quota.take(15_000, 0.0)
    assert quota.wait(1_000, 0.0) == pytest.approx(1.0)
    quota.correct(15_000, 5_000)
    assert quota.wait(1_000, 0.0) == 0
    assert quota.wait(10**9, 10.0) == 0  # more than a quarter of a minute goes when a quarter is there


def test_a_limit_starts_with_a_few_and_doubles() -> None:
    shared = Limit(concurrency=128)
    permits = [shared.ask() for _ in range(128)]
    shared.pump()
    assert (shared.state.running, shared.state.waiting) == (32, 96)
    for permit in permits[:32]:
        shared.settle(permit)
    assert shared.state.running == 64


def test_owners_are_served_in_turn() -> None:
    shared = Limit(concurrency=1)
    permits = {f"many {number}": shared.ask("many") for number in range(3)} | {"few": shared.ask("few")}
    order: list[str] = []
    while len(order) < len(permits):
        shared.pump()
        name = next(name for name, permit in permits.items() if permit.granted and name not in order)
        order.append(name)
        shared.leave(permits[name])
    assert order == ["many 0", "few", "many 1", "many 2"]


def test_a_call_that_comes_back_goes_before_those_of_its_owner_that_never_went() -> None:
    shared = Limit(concurrency=1)
    first, second = shared.ask(), shared.ask()
    shared.pump()
    again = shared.ask(first=True)
    shared.leave(first)
    assert (again.granted, second.granted) == (True, False)


def test_a_retry_after_holds_everybody_back_and_starts_slowly_again() -> None:
    now = [0.0]
    shared = Limit(concurrency=64, clock=lambda: now[0])
    for _ in range(60):
        permit = shared.ask()
        shared.pump()
        shared.settle(permit)
    permit = shared.ask()
    shared.pump()
    shared.settle(permit, Throttled(after=30))
    waiting = shared.ask()
    assert shared.pump(waiting) == pytest.approx(30, abs=1)
    assert (shared.state.allowed, shared.state.refused, waiting.granted) == (32, 1, False)
    now[0] = 31.0
    shared.pump()
    assert waiting.granted


def test_tokens_a_minute_are_kept() -> None:
    now = [0.0]
    shared = Limit(tokens=60_000, clock=lambda: now[0])
    first, second = shared.ask(tokens=15_000), shared.ask(tokens=1_000)
    assert shared.pump(second) == pytest.approx(1.0)
    shared.settle(first, tokens=2_000)
    assert second.granted


def test_leaving_twice_gives_back_once() -> None:
    shared = Limit(concurrency=2)
    permit, other = shared.ask(), shared.ask()
    shared.pump()
    shared.leave(permit)
    shared.leave(permit)
    assert shared.state.running == 1
    shared.leave(other)


async def test_one_who_is_cancelled_while_waiting_leaves_no_trace() -> None:
    shared = Limit(concurrency=1)
    held = await Passed(shared).soon()
    waiting = asyncio.ensure_future(Passed(shared).soon())
    last = asyncio.ensure_future(Passed(shared).soon())
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    shared.leave(held)
    assert (await last).granted
    assert (shared.state.running, shared.state.waiting) == (1, 0)


@pytest.mark.parametrize("requests", [None, 60 * 400.0])
async def test_threads_and_loops_share_a_limit_and_none_is_forgotten(requests: float | None) -> None:
    shared, most, mutex = Limit(concurrency=5, requests=requests), [0], threading.Lock()

    def note() -> None:
        with mutex:
            most[0] = max(most[0], shared.running)

    def in_thread() -> None:
        for _ in range(20):
            permit = Passed(shared, "thread").now()
            note()
            shared.settle(permit)

    async def on_loop() -> None:
        permit = await Passed(shared, "loop").soon()
        note()
        await asyncio.sleep(0.001)
        shared.settle(permit)

    threads = [threading.Thread(target=in_thread) for _ in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(on_loop() for _ in range(60)))
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert most[0] <= 5
    assert (shared.state.running, shared.state.waiting) == (0, 0)


class Sign:
    """Stops those who wait."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.calls: dict[object, Callable[[], object]] = {}

    def tell(self, key: object, call: Callable[[], object]) -> None:
        self.calls[key] = call

    def forget(self, key: object) -> None:
        self.calls.pop(key, None)

    def check(self) -> None:
        if self.reason:
            raise InterruptedError(self.reason)

    def set(self, reason: str) -> None:
        self.reason = reason
        for call in list(self.calls.values()):
            call()


async def test_a_sign_stops_those_who_wait_in_threads_and_on_loops() -> None:
    shared, sign = Limit(concurrency=1), Sign()
    held = Passed(shared).now()
    waits = [
        asyncio.ensure_future(Passed(shared, stop=sign).soon()),
        asyncio.ensure_future(asyncio.to_thread(Passed(shared, stop=sign).now)),
    ]
    while shared.state.waiting < 2:
        await asyncio.sleep(0.001)
    sign.set("enough")
    results = await asyncio.gather(*waits, return_exceptions=True)
    assert [str(result) for result in results] == ["enough", "enough"]
    assert not shared.state.waiting
    shared.leave(held)


def test_a_name_has_one_limit_in_the_process() -> None:
    name = next(names)
    made = limit(name, concurrency=3)
    assert limit(name) is limit(name, concurrency=3) is made
    assert name in [state.name for state in states()]


def test_what_was_not_said_at_first_is_as_the_next_one_says() -> None:
    name = next(names)
    made = limit(name)
    assert limit(name, concurrency=3, requests=120).state.concurrency == 3
    assert made.state.rate == 120


def test_two_who_say_different_things_of_a_resource_are_told() -> None:
    name = next(names)
    limit(name, concurrency=3)
    with pytest.raises(GraphBuildError, match="has concurrency=3 already, not 4"):
        limit(name, concurrency=4)


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(GraphBuildError, match="above 0"):
        limit(next(names), concurrency=0)
