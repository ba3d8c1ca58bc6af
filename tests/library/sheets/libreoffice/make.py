"""Makes the files of this directory with LibreOffice (needs soffice).

python -m tests.library.sheets.libreoffice.make
"""

from __future__ import annotations

import subprocess
import tempfile
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

HERE = Path(__file__).parent
NAMES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (("office", "office"), ("table", "table"), ("text", "text"), ("style", "style"))
)
NUMBER = 'xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0"'
DATES = """<office:automatic-styles>
<number:date-style style:name="D"><number:day number:style="long"/><number:text>/</number:text><number:month
 number:style="long"/><number:text>/</number:text><number:year number:style="long"/></number:date-style>
<style:style style:name="day" style:family="table-cell" style:data-style-name="D"/></office:automatic-styles>"""

ROSTER = [
    ["Classe de CM1 des Coquelicots", None, None, None],
    [],
    ["N°", "Prénom", "Initiale", "Équipe"],
    [1, "Zoé", None, "Les loutres"],
    [2, "Lina", "M", "Les loutres"],
    [3, "LINA", "B.", "Les hérons"],
    [4, "Marie-Lou", None, "Les hérons"],
    [5, "N’Golo", None, None],
    [6, None, None, None],
]
TRACKING = [
    ["Prénom", "Vélo boulot dodo", "Jus de rue", "Zéro déchet au goûter", "TOTAL"],
    ["Code", "bike-to-school", "street-juice", "no-waste-snack", None],
    ["Zoé", "x", date(2026, 3, 12), 3, "=COUNTA([.B3:.D3])"],
    ["Lina M.", "✓", None, None, 1],
    ["Lina B", True, "14/03/2026", "-", 2],
    ["Total", 3, 2, 1, None],
]
SHEETS: dict[str, list[tuple[str, list[list[object]]]]] = {
    "roster": [("Feuille1", ROSTER)],
    "tracking": [("Suivi", TRACKING), ("Notes", [["Sortie vélo jeudi"]])],
}
FILES = (
    ("roster", "roster.xlsx", "xlsx:Calc MS Excel 2007 XML"),
    ("tracking", "tracking.xlsx", "xlsx:Calc MS Excel 2007 XML"),
    ("roster", "roster-utf8-semicolon.csv", "csv:Text - txt - csv (StarCalc):59,34,76,1"),
    ("roster", "roster-cp1252-comma.csv", "csv:Text - txt - csv (StarCalc):44,34,1,1"),
    ("roster", "roster-utf16-tab.csv", "csv:Text - txt - csv (StarCalc):9,34,65535,1"),
    ("tracking", "tracking-utf8-comma.csv", "csv:Text - txt - csv (StarCalc):44,34,76,1"),
)


def cell(value: object) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, bool):
        kind, text = f'office:value-type="boolean" office:boolean-value="{str(value).lower()}"', str(value).upper()
    elif isinstance(value, int):
        kind, text = f'office:value-type="float" office:value="{value}"', str(value)
    elif isinstance(value, date):
        kind, text = f'table:style-name="day" office:value-type="date" office:date-value="{value}"', str(value)
    elif str(value).startswith("="):
        kind, text = f'table:formula={quoteattr(f"of:{value}")} office:value-type="float" office:value="0"', "0"
    else:
        kind, text = 'office:value-type="string"', str(value)
    return f"<table:table-cell {kind}><text:p>{escape(text)}</text:p></table:table-cell>"


def document(sheets: list[tuple[str, list[list[object]]]]) -> str:
    tables = "".join(
        f"<table:table table:name={quoteattr(name)}>"
        + "".join(f"<table:table-row>{''.join(map(cell, row)) or cell(None)}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets
    )
    kind = 'office:version="1.2" office:mimetype="application/vnd.oasis.opendocument.spreadsheet"'
    body = f"{DATES}<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document {NAMES} {NUMBER} {kind}>{body}</office:document>'


def convert(source: Path, result: Path, form: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        profile = f"-env:UserInstallation=file://{directory}/profile"
        command = ["soffice", profile, "--headless", "--convert-to", form, "--outdir", directory, str(source)]
        subprocess.run(command, check=True, capture_output=True)
        made = Path(directory, f"{source.stem}.{form.partition(':')[0]}")
        result.write_bytes(made.read_bytes())


def main() -> None:
    from mpp_supabase.sheets import KnownChallenge, KnownPupil, write_tracking

    with tempfile.TemporaryDirectory() as directory:
        for source, result, form in FILES:
            path = Path(directory, f"{source}.fods")
            path.write_text(document(SHEETS[source]), encoding="utf-8")
            convert(path, HERE / result, form)
        # What we export, opened in LibreOffice and saved again, as a teacher would.
        pupils = [
            KnownPupil("1", "Zoé", None, "Les loutres"),
            KnownPupil("2", "Lina", "M"),
            KnownPupil("3", "Lina", "B"),
        ]
        titles = [{"fr": "Vélo boulot dodo"}, {"fr": "Jus de rue"}, {"fr": "+1 arbre"}]
        codes = ["bike-to-school", "street-juice", "one-more-tree"]
        challenges = [
            KnownChallenge(n, c, t, 5, 4) for n, (c, t) in enumerate(zip(codes, titles, strict=True), start=1)
        ]
        path = Path(directory, "export.xlsx")
        write_tracking(path, pupils, challenges, {("1", 1): 1, ("2", 2): 4, ("3", 3): date(2026, 3, 12)})
        convert(path, HERE / "export-saved-again.xlsx", "xlsx:Calc MS Excel 2007 XML")


if __name__ == "__main__":
    main()
