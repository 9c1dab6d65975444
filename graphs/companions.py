"""The steps that belong to a prompt: the review of what it sends, and that of an answer no attempt made good."""

from dataclasses import replace
from typing import Any

from treadle.errors import GraphBuildError
from treadle.nodes.inquiries.reviews import Review
from treadle.nodes.prompts import Prompt
from treadle.nodes.renderings import Rendering


def accompanied(step: Any) -> list[Any]:
    """Return a step with those that belong to it, in order; most steps stand alone."""
    return [*_before(step), *_behind(step)] if isinstance(step, Prompt) else [step]


def _before(step: Prompt) -> list[Any]:
    """The request, its review, and the prompt that sends what came of them."""
    if step.review is None:
        return [step]
    if not isinstance(step.review, Review):
        raise GraphBuildError(f"prompt {step.name!r}: review= is review('{step.name}_sent'), not {step.review!r}")
    key = step.review.key
    return [Rendering(step, into=key), step.review, replace(step, review=None, request=key)]


def _behind(step: Prompt) -> list[Any]:
    if step.person is None:
        return []
    if not isinstance(step.person, Review):
        raise GraphBuildError(f"prompt {step.name!r}: otherwise= ends with review({step.into!r}), not {step.person!r}")
    return [replace(step.person, because=step.problem)]
