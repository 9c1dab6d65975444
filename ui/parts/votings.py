"""Where several must agree: who has voted, and how many more it takes."""

from treadle.checkpoints.desks.votes import Tally, votes
from treadle.checkpoints.reviews import Review
from treadle.checkpoints.savers import SqliteSaver
from treadle.ui.markups import NOTHING, Markup, tag
from treadle.ui.parts.actions import done
from treadle.ui.parts.histories import moment
from treadle.ui.people import person


def tally(saver: SqliteSaver, found: Review) -> Tally | None:
    """The votes on a question as this reviewer may see them; None where one person decides."""
    if not found.panel.many:
        return None
    return votes(saver, found.id, by=person().name or None, thread=found.thread_id)


def brief(found: Tally) -> str:
    """Where the voting stands, in a few words."""
    return "votes differ, one more decides" if found.adjudicating else f"{len(found.votes)} of {found.quorum} votes"


def told(saver: SqliteSaver, found: Review) -> Markup:
    """The votes, each in a line, and what is missing."""
    state = tally(saver, found)
    if state is None:
        return NOTHING
    more = f"{state.missing} more {'vote is' if state.missing == 1 else 'votes are'} needed."
    if state.adjudicating:
        more = "They do not agree: somebody who has not voted decides."
    lines = [_line(vote.by, vote.action, vote.at, vote.words) for vote in state.votes]
    return tag(
        "div", tag("h3", f"Votes: {brief(state)}", kind="part"), *lines, tag("p", more, kind="small"), kind="event"
    )


def _line(by: str, action: str, at: float, words: str | None) -> Markup:
    what = "has voted" if action == "vote" else done(action).lower()
    said = [tag("div", words, kind="text", dir="auto")] if words else []
    return tag("div", tag("strong", f"{by}: {what}"), " ", tag("span", moment(at), kind="faint small"), *said)
