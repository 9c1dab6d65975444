"""The outline of a document: its lines with their places in the source, their headings and their list items."""

import re
from dataclasses import dataclass, field, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

# Indented code is switched off: in agreements four spaces are layout, not code.
_MARKDOWN = MarkdownIt("commonmark").disable("code")
HTML = (
    "a|abbr|b|big|br|center|cite|code|del|div|em|font|h[1-6]|i|ins|li|mark|ol|p|q|s|small|span|strike|strong|sub|sup|"
    "table|tbody|td|th|thead|tr|tt|u|ul"
)
"""The names of HTML's own tags, as a pattern."""
_TAG = re.compile(rf"</?(?:{HTML})\b[^<>]*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_ITEM = re.compile(r"\(?[a-zA-Z0-9]{1,4}[.)]\s|[-•*–]\s")


@dataclass(frozen=True)
class Item:
    """One item of an ordered list."""

    list: int
    """Which list, counted from 1 in the order of the source."""
    parent: int
    """The list whose item holds this list; 0 at the top."""
    number: int
    """The number that stands in the source."""


@dataclass(frozen=True)
class Line:
    """One line of the source that carries text, or a horizontal rule."""

    start: int
    """Offset of its first character, markers included, that is not white space."""
    end: int
    """Offset behind its last character that is not white space."""
    text: str = ""
    """Its text with inline markup, without the markers of lists and quotations."""
    block: int = 0
    """Lines of one paragraph share a block."""
    first: bool = True
    """Whether it opens its block."""
    heading: int = 0
    """1 to 6 for a line of a heading."""
    items: tuple[Item, ...] = ()
    """The ordered items that open on this line, outermost first."""
    listed: bool = False
    """Whether it stands inside an ordered list."""
    bullet: bool = False
    """Whether an unordered item opens on it."""
    rule: bool = False
    """A horizontal rule: it carries no text."""


def outline(text: str) -> list[Line]:
    """The lines of a Markdown or plain text, in order; blank lines and comments are left out.

    ``start`` and ``end`` are offsets in characters into ``text`` as given, whatever its line ends.
    """
    return _Walk(_places(text)).lines(_MARKDOWN.parse(text))


def plain(markup: str) -> str:
    """A line or paragraph without its inline Markdown and HTML; line breaks become spaces, except before an item."""
    tokens = _MARKDOWN.parseInline(markup)
    text = "".join(_plain(child) for token in tokens for child in token.children or ())
    return joined(re.sub(r"[^\S\n]+", " ", text).split("\n"))


def joined(lines: list[str]) -> str:
    """Lines put together as one paragraph: an item, such as ``(a)`` or a bullet, keeps its own line."""
    result = ""
    for line in filter(None, (line.strip() for line in lines)):
        result += ("\n" if _ITEM.match(line) else " " if result else "") + line
    return result.strip()


def _plain(token: Token) -> str:
    if token.type in {"softbreak", "hardbreak"}:
        return "\n"
    if token.type == "html_inline":
        # "<Name of the Supplier>" is a placeholder, not a tag: only what HTML knows is dropped.
        return _TAG.sub("\n" if token.content.lower().startswith("<br") else "", token.content)
    if token.type == "image":
        return "".join(_plain(child) for child in token.children or ())
    return token.content


def _places(text: str) -> list[tuple[int, int]]:
    """Start and end of every line, with white space trimmed; lines are counted as Markdown counts them."""
    places, start = [], 0
    for match in [*re.finditer(r"\r\n?|\n", text), None]:
        stop = match.start() if match else len(text)
        line = text[start:stop]
        places.append((start + len(line) - len(line.lstrip()), start + len(line.rstrip())))
        start = match.end() if match else stop
    return places


@dataclass
class _Walk:
    """A walk over the parser's tokens that gathers lines."""

    places: list[tuple[int, int]]
    stack: list[int] = field(default_factory=list)
    pending: list[Item] = field(default_factory=list)
    bullet: bool = False
    lists: int = 0
    level: int = 0
    blocks: int = 0

    def lines(self, tokens: list[Token]) -> list[Line]:
        return [line for token in tokens for line in self.visit(token)]

    def visit(self, token: Token) -> list[Line]:
        match token.type:
            case "ordered_list_open":
                self.lists += 1
                self.stack.append(self.lists)
            case "bullet_list_open":
                self.stack.append(0)
            case "ordered_list_close" | "bullet_list_close":
                self.stack.pop()
            case "list_item_open":
                self.item(token)
            case "heading_open":
                self.level = int(token.tag[1])
            case "heading_close":
                self.level = 0
            case "inline" | "fence" | "html_block":
                return self.leaf(token)
            case "hr":
                return [replace(self.line(token.map[0]), rule=True)] if token.map else []
        return []

    def item(self, token: Token) -> None:
        if not self.stack[-1]:
            self.bullet = True
            return
        parents = [number for number in self.stack[:-1] if number]
        self.pending.append(Item(self.stack[-1], parents[-1] if parents else 0, int(token.info)))

    def leaf(self, token: Token) -> list[Line]:
        first, last = token.map or [0, 0]
        if token.type == "fence":
            first += 1
        content = _TAG.sub("", token.content) if token.type == "html_block" else token.content
        while content.split("\n")[0].strip() and first < last and self.places[first][0] >= self.places[first][1]:
            first += 1  # a line of form feeds and the like was trimmed from the content
        rows = list(enumerate(content.split("\n"), start=first))
        self.blocks += 1
        lines = [self.line(row, text.strip()) for row, text in rows if text.strip() and row < len(self.places)]
        if lines:
            lines[0] = replace(lines[0], first=True, items=tuple(self.pending), bullet=self.bullet)
            self.pending, self.bullet = [], False
        return lines

    def line(self, row: int, text: str = "") -> Line:
        start, end = self.places[row]
        listed = any(self.stack)
        return Line(start, end, text, self.blocks, first=False, heading=self.level, listed=listed)
