"""Text that compresses as prose does (about two and a half times), the same at every run."""

import random
from functools import cache

_SYLLABLES = [
    "an",
    "ber",
    "con",
    "de",
    "ex",
    "for",
    "ga",
    "hi",
    "in",
    "ju",
    "ka",
    "lo",
    "mar",
    "nor",
    "or",
    "per",
    "qui",
    "re",
    "sta",
    "ter",
    "un",
    "ver",
    "wi",
    "xo",
    "yl",
    "za",
    "tion",
    "ment",
]


@cache
def _words() -> tuple[list[str], list[float]]:
    chance = random.Random(1)
    words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(4000)]
    return words, [1 / (rank + 3) for rank in range(len(words))]


@cache
def prose(length: int, seed: int) -> str:
    """That many characters of words, as frequent as words are."""
    words, weights = _words()
    chance = random.Random(seed)
    return " ".join(chance.choices(words, weights, k=length // 3))[:length]
