"""Prices: what the tokens of a call cost, from a table that its users can change."""

import math
import os
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from treadle.errors import InputInvalid

VARIABLE = "TREADLE_PRICES"
"""The environment variable that names a table of one's own (TOML); its entries stand over the shipped ones."""

SHIPPED = Path(__file__).with_name("prices.toml")

KEYS = ("in", "out", "cached", "stored")

Prices = Mapping[str, Mapping[str, float]]
"""By model: US dollars for a million tokens ``in`` and ``out``, and ``cached`` and ``stored`` where they differ."""


def cost(model: str | None, usage: Mapping[str, Any], *, prices: Prices | None = None) -> float | None:
    """Return what a call cost in US dollars, or None for a model without a price.

    `usage` is a message's ``usage_metadata``; the tokens that were read from a prompt cache are among its input tokens.

    >>> cost("eu.amazon.nova-lite-v1:0", {"input_tokens": 1_000_000, "output_tokens": 0})
    0.06
    """
    price = _price(model or "", prices if prices is not None else table())
    if price is None:
        return None
    details = usage.get("input_token_details") or {}
    cached, stored = details.get("cache_read") or 0, details.get("cache_creation") or 0
    fresh = max(0, (usage.get("input_tokens") or 0) - cached - stored)
    read, kept = price.get("cached", price["in"]), price.get("stored", price["in"])
    total = fresh * price["in"] + cached * read + stored * kept + (usage.get("output_tokens") or 0) * price["out"]
    return round(total / 1e6, 9)


def table() -> Prices:
    """Return the prices that hold: the shipped ones, with those of $TREADLE_PRICES over them.

    Raises:
        InputInvalid: when that file is missing or is no table of prices.
    """
    shipped, own = _read(SHIPPED, 0), os.environ.get(VARIABLE)
    return {**shipped, **_read(Path(own), _changed(Path(own)))} if own else shipped


def _price(model: str, prices: Prices) -> Mapping[str, float] | None:
    named = [name for name in prices if name in model]
    return prices[max(named, key=len)] if named else None


def _amount(key: str, price: Any) -> float:
    if key not in KEYS or not 0 <= float(price) < math.inf:
        raise ValueError(f"{key} = {price}")
    return float(price)


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Prices:
    """The table in a file; `changed` is part of the key, so that an edit is seen without a restart."""
    try:
        read = tomllib.loads(path.read_text("utf-8"))
        return {name: {key: _amount(key, entry[key]) for key in {"in", "out", *entry}} for name, entry in read.items()}
    except OSError as error:
        raise InputInvalid(f"the prices in {path} cannot be read: {error.strerror}; see ${VARIABLE}") from None
    except (tomllib.TOMLDecodeError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputInvalid(
            f"{path} is no table of prices ({error!r}); a price is such as [my-model] with in = 0.5 and out = 1.5, "
            "and, where they differ, cached and stored; a name with dots goes in quotes"
        ) from None
