"""Markup that can only be made by escaping: whatever comes from a payload is text in it, never HTML."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st


@dataclass(frozen=True)
class Markup:
    """Finished HTML, made by `tag` alone."""

    html: str

    def __add__(self, other: "Markup") -> "Markup":
        """Both in a row."""
        return Markup(self.html + other.html)


NOTHING = Markup("")

Inside = str | Markup


def tag(name: str, *inside: Inside, kind: str = "", **attributes: object) -> Markup:
    """An element; a ``str`` inside becomes text, `kind` the CSS class (``t-`` is put before each of its words).

    >>> tag("p", "<b>", kind="why").html
    '<p class="t-why">&lt;b&gt;</p>'
    """
    classes = {"class": " ".join(f"t-{word}" for word in kind.split())} if kind else {}
    given = classes | {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    head = "".join(f' {key}="{escape(clean(str(value)))}"' for key, value in given.items() if value is not None)
    return Markup(f"<{name}{head}>{join(inside).html}</{name}>")


def join(parts: Iterable[Inside]) -> Markup:
    """Parts in a row, text escaped."""
    return Markup("".join(part.html if isinstance(part, Markup) else escape(clean(part)) for part in parts))


def clean(text: str) -> str:
    """Text that can be sent to a browser: half a character (a lone surrogate) becomes a question mark.

    >>> clean("a" + chr(0xD800))
    'a?'
    """
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


def put(*parts: Markup, **layout: Any) -> None:
    """Show markup on the page."""
    html = join(parts).html
    if html:
        st.html(f"<div>{html}</div>", **layout)


_ACTS = re.compile(
    r"[\\`*\[\]$~]"  # always
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis: not within a word
    r"|:(?=\w)|<(?=[A-Za-z/!?=-])|&(?=[\w#])|-(?=[->])|>(?==)"  # directives, HTML, entities, arrows
    r"|^[#>+=-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]"  # blocks, at the beginning
)


def plain(text: str) -> str:
    """Text for what Streamlit reads as Markdown: whatever Markdown would act on is escaped, and nothing else.

    Labels are read aloud as they stand, so that an ordinary text must come out as it went in.

    >>> plain("![x](y) *b* :red[z]"), plain("Clause 7.2 (limit of liability): a_b")
    ('!\\\\[x\\\\](y) \\\\*b\\\\* \\\\:red\\\\[z\\\\]', 'Clause 7.2 (limit of liability): a_b')
    """
    return _ACTS.sub(r"\\\g<0>", " ".join(clean(text).split()))
