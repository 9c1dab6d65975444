"""The pace of calls: how many a second a resource puts up with, learnt from what it refuses."""

import math
from collections import deque
from dataclasses import dataclass
from itertools import takewhile

HORIZON = 1.0
"""Seconds that are looked back on."""

FEWEST = 20
"""Calls that are looked back on at least, however long ago they were."""

FEW = 8
"""Calls let through, without which the pace does not double."""

CHANCE = 3
NOISE = 1 / 8
"""Refusals, and the share of the calls, up to which they are taken for chance and not for a limit."""

WAY = 0.95
"""What is left, after a cut, of what was let through lately: additive increase finds the rest."""

CREEP = 1 / 20
"""The share by which the pace grows a second after a cut; growth speeds up when ten seconds pass without another."""

UNSURE = 2.0
"""The factor by which it grows a second where it was seen on few calls, or among many refusals."""

CATCH_UP = 0.05
"""Seconds of calls that may be caught up at once after callers came late."""

LEAST = 1 / 30
"""Calls a second, however much is refused."""


@dataclass(slots=True)
class Sent:
    """One call that was let through."""

    at: float
    refused: bool = False


class Pace:
    """Calls a second: at most `most`, and no more than the resource puts up with.

    Knows no clock: every method is told the time. It lets everything through until the resource refuses more than
    chance explains; then it goes on with a little less than what was let through lately, and creeps up again (faster
    where that was seen on few calls only). What was sent before a cut says nothing about the pace after it.
    """

    def __init__(self, most: float | None = None, *, adaptive: bool = True) -> None:
        self.most = most or math.inf
        self.adaptive = adaptive
        self.cuts = 0
        self.resumes = -math.inf
        self._found = math.inf
        self._sure = True
        self._cut = -math.inf
        self._since = math.inf
        self._next = -math.inf
        self._sent: deque[Sent] = deque()
        self._passed = 0

    def rate(self, now: float) -> float:
        """Calls a second that are let through now; infinite where nothing is known against it."""
        if not self.cuts:
            return self.most
        quiet = now - self._cut
        grown = CREEP * quiet + (quiet / 10) ** 3 if self._sure else UNSURE**quiet - 1
        return min(self.most, self._found * (1 + min(grown, self._passed / FEW)))

    def wait(self, now: float) -> float:
        """Seconds until the next call may go."""
        return max(0.0, self._next - CATCH_UP - now, self.resumes - now)

    def send(self, now: float) -> Sent:
        """Note that a call goes now."""
        while len(self._sent) > FEWEST and self._sent[0].at < now - HORIZON:
            self._since = self._sent.popleft().at
        rate = self.rate(now)
        if rate < math.inf:
            self._next = max(self._next, now) + 1 / rate
        sent = Sent(now)
        self._sent.append(sent)
        self._since = min(self._since, now)
        self._passed += 1
        return sent

    def refuse(self, sent: Sent, now: float, after: float | None = None) -> None:
        """Note that a call was refused, and how many seconds the resource asked to be left alone."""
        if after is not None:
            self.resumes = max(self.resumes, now + after)
        if sent.refused or sent.at <= self._cut:
            return
        sent.refused = True
        self._passed -= 1
        if self.adaptive:
            self._judge(sent, now)

    def _judge(self, last: Sent, now: float) -> None:
        """Look at the calls up to one just refused (later ones may be refused yet), and slow down if need be."""
        known = [*takewhile(lambda sent: sent is not last, self._sent), last]
        refused = sum(sent.refused for sent in known)
        if self._enough(len(known), refused, now) and refused > CHANCE + NOISE * len(known):
            self._give_way(len(known) - refused, refused, max(last.at - self._since, CATCH_UP), now)

    def _enough(self, known: int, refused: int, now: float) -> bool:
        """Whether so many calls tell something of the pace."""
        return not self.cuts or known >= FEWEST or now - self._cut >= HORIZON or refused == known >= 5

    def _give_way(self, passed: int, refused: int, span: float, now: float) -> None:
        """Go on with a little less than what passed in a span of time, or far slower where nothing did."""
        rate = self.rate(now)
        slower = rate / 4 if rate < math.inf else 1 / max(span, HORIZON)
        self._found = max(WAY * passed / span if passed else slower, LEAST)
        self._sure = FEWEST / 2 <= passed > 3 * refused
        self._cut = self._since = now
        self._next = now + 1 / self._found
        self._passed = 0
        self._sent.clear()
        self.cuts += 1
