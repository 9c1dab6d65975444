"""TextRank: which sentences and phrases of a text matter, by power iteration over their graph."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from treadle.nodes.rules.lexicons import STOP

Scores = NDArray[np.float64]

_MOST = 800  # sentences that are compared with one another; later ones keep a low, falling score
_ENDS = re.compile(
    r"(?:(?<=[.!?])|(?<=[.!?][”\"')\]]))\s+(?=[\"“‘'(\[]?[^\W_a-z])|\s*\n\s*\n\s*|\n(?=\s*(?:[-*•]|\(\w{1,4}\)|[a-z]\.)\s)"
)
_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|no|art|sec|para|inc|ltd|co|corp|mr|mrs|ms|dr|prof|st|approx|incl|[a-z])|^\W*\d+(?:\.\d+)*)\.$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_](?:[\w’'-]*\w)?")


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order; paragraphs, bullets and lettered items end a sentence as well.

    >>> sentences("Fees, e.g. No. 7, are due. They bear interest.")
    ['Fees, e.g. No. 7, are due.', 'They bear interest.']
    """
    result: list[str] = []
    for piece in filter(None, (" ".join(piece.split()) for piece in _ENDS.split(text))):
        if result and _SHORT.search(result[-1][-12:]):
            result[-1] += " " + piece
        else:
            result.append(piece)
    return result


def words(text: str) -> list[str]:
    """The words of a text that carry a topic, in lower case and cut to their stems (``terminated`` is ``termin``)."""
    plain = (word.lower().replace("'", "’") for word in _WORD.findall(text))
    return [stem(word) for word in plain if word not in STOP]


def stem(word: str) -> str:
    """A word without its commonest endings: rough, but equal for ``renew``, ``renews`` and ``renewal``."""
    word = re.sub(r"[’']s?$", "", word.lower())
    for ending in (
        "ations",
        "ation",
        "ments",
        "ment",
        "ings",
        "ing",
        "ies",
        "ied",
        "als",
        "al",
        "ers",
        "er",
        "ed",
        "es",
        "s",
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    return word[:-1] if word.endswith(("e", "y")) and len(word) > 4 else word


def rank(items: Sequence[Sequence[str]]) -> Scores:
    """TextRank of items, each given by its words: one score an item, summing to 1 (none: an empty array).

    Two items are joined by the words that they share, over the logarithms of their lengths (Mihalcea and Tarau, 2004).
    """
    if not items:
        return np.zeros(0)
    head = items[:_MOST]
    names = {word: column for column, word in enumerate(dict.fromkeys(word for item in head for word in item))}
    counts = np.zeros((len(head), max(1, len(names))), dtype=np.float64)
    for row, item in enumerate(head):
        for word in item:
            counts[row, names[word]] = 1.0
    length = np.log(1.0 + np.array([len(item) for item in head], dtype=np.float64))
    graph = counts @ counts.T / np.maximum(length[:, None] + length[None, :], 1e-9)
    np.fill_diagonal(graph, 0.0)
    scores = power(graph)
    tail = np.linspace(0.5, 0.1, len(items) - len(head)) * scores.min()
    total: Scores = np.concatenate([scores, tail])
    return np.asarray(total / total.sum(), dtype=np.float64)


def power(graph: Scores, *, damping: float = 0.85, rounds: int = 200) -> Scores:
    """The stationary scores of a walk over a weighted graph (rows to columns) that restarts with ``1 - damping``."""
    size = len(graph)
    weights = graph.sum(axis=1, keepdims=True)
    walk = np.divide(graph, weights, out=np.full_like(graph, 1.0 / size), where=weights > 0)
    scores: Scores = np.full(size, 1.0 / size)
    for _ in range(rounds):
        after = (1 - damping) / size + damping * (scores @ walk)
        if np.abs(after - scores).sum() < 1e-9:
            break
        scores = after
    return scores


def summary(text: str, count: int = 3) -> list[str]:
    """The ``count`` sentences that matter most, quoted as they stand and in their order."""
    found = sentences(text)
    scores = rank([words(sentence) for sentence in found])
    scores = scores * np.array(
        [0.1 if len(sentence.split()) < 5 else 1.0 for sentence in found]
    )  # headings tell little
    best = sorted(range(len(found)), key=lambda row: (-round(float(scores[row]), 12), row))[:count]
    return [found[row] for row in sorted(best)]


def phrases(text: str, count: int = 5) -> list[str]:
    """Key phrases, the weightiest first: runs of ranked words, quoted as they stand where they first occur."""
    tokens = [(word, stem(word.lower()) if word.lower() not in STOP else "") for word in _WORD.findall(text[:50_000])]
    weights = _weights([key for _, key in tokens])
    runs: dict[str, str] = {}
    for run in _runs(tokens):
        runs.setdefault(" ".join(key for _, key in run), " ".join(word for word, _ in run))
    spans = Counter({key: sum(weights[word] for word in key.split()) / len(key.split()) ** 0.5 for key in runs})
    chosen: list[str] = []
    for key, _ in sorted(spans.items(), key=lambda pair: -pair[1]):
        if runs[key] in text and not any(set(key.split()) & set(other.split()) for other in chosen):
            chosen.append(key)
        if len(chosen) == count:
            break
    return [runs[key] for key in chosen]


def _weights(keys: list[str]) -> dict[str, float]:
    """TextRank over words: two are joined when they stand within four words of each other."""
    names = {key: row for row, key in enumerate(dict.fromkeys(filter(None, keys)))}
    if not names or len(names) > 3000:
        return {key: float(count) for key, count in Counter(keys).items()}
    graph = np.zeros((len(names), len(names)))
    for place, key in enumerate(keys):
        for other in keys[place + 1 : place + 4]:
            if key and other and key != other:
                graph[names[key], names[other]] += 1.0
                graph[names[other], names[key]] += 1.0
    return dict(zip(names, power(graph).tolist(), strict=True))


def _runs(tokens: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    runs: list[list[tuple[str, str]]] = [[]]
    for token in tokens:
        if not token[1]:
            runs.append([])
        elif len(runs[-1]) < 3:
            runs[-1].append(token)
        else:
            runs.append([token])
    return [run for run in runs if run]
