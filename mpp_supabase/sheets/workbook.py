"""Opens a teacher's spreadsheet: tells what kind of file it really is, and reads it within its limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mpp_supabase.sheets.cells import MAX_BYTES, Sheet
from mpp_supabase.sheets.problems import Problems

_AS_XLSX = "open it in Excel or LibreOffice and save it as .xlsx"
_TEXTS: Final = (".csv", ".txt", ".tsv")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_BEGINNINGS = (
    (b"%PDF", "a PDF", "use the spreadsheet it was made from"),
    (b"{\\rtf", "a text document", "copy its table into Excel or LibreOffice and save that as .xlsx"),
    (b"\x89PNG", "a picture", "use the spreadsheet itself"),
    (b"\xff\xd8\xff", "a picture", "use the spreadsheet itself"),
    (b"GIF8", "a picture", "use the spreadsheet itself"),
    (b"<!doctype", "a web page (HTML)", _AS_XLSX),
    (b"<html", "a web page (HTML)", _AS_XLSX),
    (b"<table", "a web page (HTML)", _AS_XLSX),
    (b"<?xml", "an XML file", _AS_XLSX),
    (b"<", "a web page or an XML file", _AS_XLSX),
)


@dataclass(frozen=True, slots=True)
class Workbook:
    """What a file holds: its sheets in the order of their tabs. A .csv has one, without a name."""

    file: str
    sheets: tuple[Sheet, ...]


def read_workbook(path: str | Path) -> Workbook:
    """Read an .xlsx or a .csv (.txt and .tsv are read as one) into plain cells. Raises SheetError.

    Whatever the file, memory stays bounded: it is at most MAX_BYTES, unzips to at most xlsx.MAX_UNZIPPED, and only
    cells that hold something are kept, MAX_CELLS at most.
    """
    path = Path(path)
    problems = Problems(path.name)
    extension = path.suffix.lower()
    data = _bytes(path, problems)
    _refuse_other_kinds(data, extension, problems)
    if extension == ".xlsx":
        from mpp_supabase.sheets.xlsx import read_xlsx

        sheets = read_xlsx(data, problems)
    else:
        from mpp_supabase.sheets.delimited import read_delimited

        sheets = read_delimited(data, problems)
    return Workbook(path.name, sheets)


def _bytes(path: Path, problems: Problems) -> bytes:
    try:
        if path.is_dir():
            problems.refuse("", None, "this is a folder", "name the spreadsheet inside it")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        problems.refuse("", None, "there is no such file", "check its name and folder")
    except OSError as failure:
        problems.refuse("", failure.strerror, "the file cannot be read", "check its name and your rights to it")
    if len(data) > MAX_BYTES:
        wrong = f"the file is larger than {MAX_BYTES // 1_000_000} MB"
        problems.refuse("", None, wrong, "copy the class's sheet alone, without pictures, into a new workbook")
    if not data.strip(b"\0 \t\r\n"):
        problems.refuse("", None, "the file is empty", "save the spreadsheet again, and use that file")
    return data


def _refuse_other_kinds(data: bytes, extension: str, problems: Problems) -> None:
    if extension == ".xlsm":
        fix = "save it as .xlsx, without macros (File, Save As, Excel Workbook)"
        problems.refuse("", None, "the workbook may contain macros (.xlsm)", fix)
    if data.startswith(_OLE):
        if _ENCRYPTED in data:
            fix = "remove the password (File, Info, Protect Workbook, Encrypt with Password) and save it again"
            problems.refuse("", None, "the workbook is protected by a password", fix)
        problems.refuse("", None, "this is an old Excel workbook (.xls)", "save it as .xlsx (Excel Workbook)")
    start = data[:500].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for beginning, kind, fix in _BEGINNINGS:
        if start.startswith(beginning.lower()):
            problems.refuse("", None, f"this is {kind}, not a spreadsheet", fix)
    is_zip = data.startswith((b"PK\x03\x04", b"PK\x05\x06"))
    if extension == ".xlsx":
        if not is_zip:
            fix = "open it in Excel or LibreOffice and save it as .xlsx; if it is a .csv, name it .csv"
            problems.refuse("", None, "the name ends in .xlsx but the file is no Excel workbook", fix)
    elif extension in _TEXTS:
        if is_zip:
            fix = "if it is an Excel workbook, name it .xlsx; else save it as .csv"
            problems.refuse("", None, f"the name ends in {extension} but the file is no plain text", fix)
    elif extension == ".numbers":
        problems.refuse("", None, ".numbers files cannot be read", "choose File, Export To, Excel in Numbers")
    elif extension in (".ods", ".xlsb", ".xls", ".xltx", ".xltm", ".fods"):
        problems.refuse("", None, f"{extension} files cannot be read", _AS_XLSX)
    else:
        problems.refuse("", extension, "only .xlsx and .csv files can be read", _AS_XLSX)
