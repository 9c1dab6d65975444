"""Intervals of shares, by scipy, which is an extra."""

import warnings
from typing import Any

from treadle.errors import ModelUnavailable

Interval = tuple[float, float]


def wilson(hits: int, total: int) -> Interval:
    """In which a share's true value lies with 95 per cent confidence (Wilson's interval); from 0 to 1 for no cases.

    Raises ModelUnavailable where scipy is not installed.
    """
    if not total:
        return (0.0, 1.0)
    found = library().binomtest(hits, total).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def library() -> Any:
    """scipy's statistics; ModelUnavailable says how to install them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from scipy import stats
    except ImportError:
        raise ModelUnavailable("This takes scipy: pip install 'treadle[statistics]'") from None
    return stats
