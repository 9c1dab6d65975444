import os
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from treadle.errors import DocumentError
from treadle.nodes.texts.documents import LIMIT, read


def pdf(*pages: list[str]) -> bytes:
    """A PDF, written by hand, with one line of text under the other."""
    kids = " ".join(f"{3 + 2 * at} 0 R" for at in range(len(pages)))
    font = f"{3 + 2 * len(pages)} 0 R"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"]
    for at, lines in enumerate(pages):
        text = "".join(f"1 0 0 1 72 {720 - 20 * row} Tm ({line}) Tj " for row, line in enumerate(lines))
        stream = f"BT /F1 12 Tf {text}ET" if lines else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + 2 * at} 0 R "
            f"/Resources << /Font << /F1 {font} >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    body, places = "%PDF-1.4\n", []
    for number, part in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    tail = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return (body + head + table + tail).encode("latin-1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "contract"


def test_a_text_file_comes_back_as_it_is(file: Path) -> None:
    text = "# Terms\r\n\r\n1. “Fees” are due — née à Łódź.\n"
    file.write_bytes(text.encode())
    assert read(file) == text


def test_byte_order_marks_are_dropped_and_utf16_is_understood(file: Path) -> None:
    file.write_bytes("1. Fees.".encode("utf-8-sig"))
    assert read(str(file)) == "1. Fees."
    file.write_bytes("1. Fées.".encode("utf-16"))
    assert read(file) == "1. Fées."


def test_the_text_of_a_pdf_is_read_without_its_page_numbers(file: Path) -> None:
    file.write_bytes(pdf(["1. Fees", "The Customer pays.", "Page 1 of 2"], ["2. Term", "One year.", "2"]))
    lines = [line.strip() for line in read(file).splitlines() if line.strip()]
    assert lines == ["1. Fees", "The Customer pays.", "2. Term", "One year."]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00", "is binary"),
        ("1. Gebühren.".encode("latin-1"), "is not UTF-8 text"),
        (b"\xff\xfea", "is not UTF-16"),
        (b"PK\x03\x04rest", "Word"),
        (b"{\\rtf1 text}", "Rich Text"),
        (b"%PDF-1.4\nnothing of a PDF", "cannot be read"),
        (pdf([]), "PDF without text"),
    ],
)
def test_what_cannot_be_reviewed_is_refused_in_words_that_name_the_file(file: Path, content: bytes, words: str) -> None:
    file.write_bytes(content)
    with pytest.raises(DocumentError) as error:
        read(file)
    assert words in str(error.value)
    assert str(file) in str(error.value)


def test_a_missing_file_and_a_folder_are_refused(file: Path) -> None:
    with pytest.raises(DocumentError, match="There is no file"):
        read(file)
    with pytest.raises(DocumentError, match="is not a file"):
        read(file.parent)


def test_a_path_with_a_null_character_is_refused() -> None:
    with pytest.raises(DocumentError):
        read("a\0b")


def test_a_file_over_the_limit_is_refused_before_it_is_read_and_the_limit_is_named(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(20_000_000_000)  # a sparse file: reading it whole would take all memory
    with pytest.raises(DocumentError, match=f"the limit is {LIMIT // 1_000_000} MB"):
        read(file)


def test_an_encrypted_pdf_is_refused_and_one_without_a_password_is_read(file: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.pdf"
    plain.write_bytes(pdf(["1. Fees", "The Customer pays."]))
    for password in ("secret", ""):
        writer = PdfWriter(clone_from=PdfReader(plain))
        writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
        writer.write(file)
        if password:
            with pytest.raises(DocumentError, match="encrypted PDF"):
                read(file)
        else:
            assert "The Customer pays." in read(file)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(file: Path) -> None:
    file.write_text("1. Fees.")
    file.chmod(0)
    with pytest.raises(DocumentError, match="cannot be read"):
        read(file)
