"""What a decision says besides its answer, so that it can be learnt from: reasons, labels, the edit field by field."""

from collections.abc import Mapping, Sequence
from typing import Any

from treadle.checkpoints.desks.answers import UNSET
from treadle.checkpoints.desks.edits import Edit, edits
from treadle.checkpoints.desks.proposals import edited, proposed
from treadle.errors import AnswerInvalid


def feedback(question: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The reasons and labels of a decision, and how sure the model was of what it proposed.

    Raises AnswerInvalid for a reason or a label that is not among those that the question names.
    """
    asked = question if isinstance(question, Mapping) else {}
    reasons = _among(asked, "reasons", given.get("reason"))
    found: dict[str, Any] = {"reason": reasons[0] if reasons else None, "reasons": reasons}
    found["labels"] = _among(asked, "labels", given.get("labels"))
    sure, source = asked.get("confidence"), asked.get("confidence_source")
    found["confidence"] = float(sure) if isinstance(sure, int | float) and not isinstance(sure, bool) else None
    return found | {"confidence_source": source if isinstance(source, str) else None}


def changed(question: Any, answer: Any) -> Sequence[Edit]:
    """What an edit changed in what was proposed; empty for any other answer."""
    before, after = proposed(question), edited(answer)
    return [] if before is UNSET or after is UNSET else edits(before, after)


def _among(question: Mapping[str, Any], name: str, given: Any) -> list[str]:
    """What was given, as a list, each a text among what the question names (a question that names none takes any)."""
    found: list[Any] = list(given) if isinstance(given, list | tuple) else [given] if given else []
    if not all(isinstance(one, str) for one in found):
        raise AnswerInvalid(f"The {name} of a decision must be texts, and not {found!r}. Nothing was stored.")
    known = question.get(name)
    strange = [one for one in found if isinstance(known, list) and known and one not in known]
    if strange:
        named = ", ".join(map(str, known or ()))
        raise AnswerInvalid(f"{strange[0]!r} is none of this question's {name}: {named}. Say it in words instead.")
    return found
