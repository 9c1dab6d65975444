"""Reading a document, Markdown, plain text or PDF, into text."""

import io
import os
import re
from pathlib import Path

from pypdf import PdfReader

from treadle.errors import DocumentError

LIMIT = 10_000_000
"""The largest document that is read, in bytes; the text of a PDF is held to it too, in characters."""

_ADVICE = "Give a Markdown, plain text (UTF-8) or PDF file."
_PAGE = re.compile(r"\s*[-–—]?\s*(page\s+)?\d{1,4}(\s*(/|of)\s*\d{1,4})?\s*[-–—]?\s*$", re.IGNORECASE)
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def read(path: str | os.PathLike[str]) -> str:
    """The text of a document; what it is (PDF or text) is told from its content, not from its name.

    Raises DocumentError for a file that is missing, empty, binary, not UTF-8 (or UTF-16 with a mark), larger than
    ``LIMIT`` bytes (refused before it is read), and for a PDF that is damaged, encrypted or without text.
    """
    file = Path(path)
    data = _bytes(file)
    text = _pdf(file, data) if data.startswith(b"%PDF") else _text(file, data)
    if not text.strip():
        raise DocumentError(f"{file} is empty: there is nothing to review in it. {_ADVICE}")
    return text


def _bytes(file: Path) -> bytes:
    try:
        if not file.exists():
            raise DocumentError(f"There is no file {file}. Check the name and the folder.")
        if not file.is_file():
            raise DocumentError(f"{file} is not a file. {_ADVICE}")
        with file.open("rb") as stream:
            data = stream.read(LIMIT + 1) if os.fstat(stream.fileno()).st_size <= LIMIT else b""
            size = max(os.fstat(stream.fileno()).st_size, len(data))
    except (OSError, ValueError) as error:
        raise DocumentError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if size > LIMIT:
        raise DocumentError(_large(file, f"{size / 1e6:.1f} MB"))
    return data


def _text(file: Path, data: bytes) -> str:
    if data.startswith(b"PK\x03\x04"):
        raise DocumentError(f"{file} is a packed file (Word or the like), not text. Save it as PDF or as plain text.")
    if data.startswith(b"{\\rtf"):
        raise DocumentError(f"{file} is in Rich Text Format. Save it as PDF or as plain text.")
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if not wide and _BINARY.search(data[:8192].decode("latin-1")):
        raise DocumentError(f"{file} is binary, not text. {_ADVICE}")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte {error.start} cannot be decoded"
        raise DocumentError(f"{file} is not {error.encoding.upper()} text ({where}). Save it as UTF-8.") from error


def _pdf(file: Path, data: bytes) -> str:
    try:
        text = _pages(file, PdfReader(io.BytesIO(data)))
    except DocumentError:
        raise
    except Exception as error:  # a damaged PDF can fail anywhere inside the library
        raise DocumentError(f"{file} is a PDF that cannot be read ({error}). Export it again, or as text.") from error
    if not text.strip():
        raise DocumentError(f"{file} is a PDF without text, probably a scan. Run text recognition (OCR) on it first.")
    return text


def _pages(file: Path, reader: PdfReader) -> str:
    if reader.is_encrypted and not reader.decrypt(""):
        raise DocumentError(f"{file} is an encrypted PDF. Save a copy without a password and give that.")
    pages: list[str] = []
    for page in reader.pages:
        pages.append(_body(page.extract_text()))
        if sum(map(len, pages)) > LIMIT:
            raise DocumentError(_large(file, "more of text"))
    return "\n".join(pages)


def _body(page: str) -> str:
    """A page without the page number that stands alone at its head or foot, and without broken surrogates."""
    lines = page.encode("utf-8", "replace").decode("utf-8").split("\n")
    rows = [index for index, line in enumerate(lines) if line.strip()]
    numbers = {index for index in (*rows[:1], *rows[-1:]) if len(rows) > 2 and _PAGE.match(lines[index])}
    return "\n".join(line for index, line in enumerate(lines) if index not in numbers)


def _large(file: Path, size: str) -> str:
    return f"{file} has {size}; the limit is {LIMIT / 1e6:.0f} MB. Give the part that matters, or split it."
