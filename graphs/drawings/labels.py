"""The text of a label: what may be written into a picture, in how many lines, and how wide it is."""

import unicodedata

NARROW = frozenset("fijlrtI.,:;'`!|()[]{}/\\ -\"")
BROAD = frozenset("mwMWQOGCD@%&#")


def lines(text: str, *, width: int = 44, most: int = 3) -> list[str]:
    """The lines of a text, each at most `width` characters and at most `most` of them; the rest becomes an ellipsis.

    Characters that XML cannot hold (controls, halves of surrogate pairs) are shown as ``\ufffd``; ends are trimmed.

    >>> lines("two\\nlines")
    ['two', 'lines']
    """
    clean = ["".join(map(_shown, line)).strip() for line in text.splitlines()] or [""]
    if len(clean) > most:
        clean = [*clean[: most - 1], clean[most - 1] + " …"]
    return [line if len(line) <= width else line[: width - 1].rstrip() + "…" for line in clean]


def breadth(text: str, size: float) -> float:
    """About how wide a text is, in pixels, in a common sans-serif font of `size` pixels; rather too wide."""
    return size * sum(map(_breadth, text))


def _shown(sign: str) -> str:
    if sign == "\t":
        return " "
    odd = unicodedata.category(sign) in ("Cc", "Cs") or ord(sign) in (0xFFFE, 0xFFFF)
    return "\ufffd" if odd else sign


def _breadth(sign: str) -> float:
    if unicodedata.east_asian_width(sign) in "WF":
        return 1.05
    if unicodedata.combining(sign):
        return 0.0
    if sign in NARROW:
        return 0.38
    return 0.88 if sign in BROAD else 0.68 if sign.isupper() else 0.6
