"""Lists of people as address books, forms and staff software export them: the addresses are found."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from mpp_supabase.sheets import Guests, SheetError, read_guests


def read(path: Path, text: str, encoding: str = "utf-8") -> Guests:
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    return read_guests(path)


def emails(guests: Guests) -> list[str]:
    return [guest.email for guest in guests.guests]


EXPORTS = {
    "a street called Adresse beside the address": (
        "Nom;Prénom;Adresse;Code postal;Ville;E-mail;Ligue\n"
        "Exemple;Lea;12 rue des Saules;69003;Lyon;lea@example.org;Saules\n"
        "Exemple;Tom;3 quai du Lac;69009;Lyon;tom@example.org;\n",
        "utf-8-sig",
        ("Nom", "Prénom", "Adresse", "Code postal", "Ville"),
    ),
    "the addresses themselves called Adresse": (
        "Nom;Adresse\nLea;lea@example.org\nTom;tom@example.org\n",
        "utf-8",
        ("Nom",),
    ),
    "Outlook in French": (
        "Titre,Prénom,Nom,Société,Rue (bureau),Adresse de messagerie,Type de messagerie,Nom complet de l'adresse de "
        "messagerie,Adresse de messagerie 2\n"
        ",Lea,Exemple,Exemple SA,12 rue des Saules,lea@example.org,SMTP,Lea Exemple (lea@example.org),l2@example.org\n"
        ",Tom,Été,Exemple SA,,tom@example.org,SMTP,Tom Été (tom@example.org),\n",
        "cp1252",
        (
            "Titre",
            "Prénom",
            "Nom",
            "Société",
            "Rue (bureau)",
            "Type de messagerie",
            "Nom complet de l'adresse de messagerie",
            "Adresse de messagerie 2",
        ),
    ),
    "Thunderbird in French": (
        "Prénom,Nom à afficher,Adresse électronique principale,Adresse électronique secondaire\n"
        "Lea,Lea Exemple,lea@example.org,lea@home.example\nTom,Tom Exemple,tom@example.org,\n",
        "utf-8",
        ("Prénom", "Nom à afficher", "Adresse électronique secondaire"),
    ),
    "Google Contacts": (
        "First Name,Last Name,Labels,E-mail 1 - Label,E-mail 1 - Value,E-mail 2 - Label,E-mail 2 - Value,"
        "Address 1 - Formatted\nLea,Exemple,* myContacts,* Work,lea@example.org,Home,lea@home.example,"
        '"12 rue des Saules\n'
        '69003 Lyon"\nTom,Exemple,* myContacts,* ,tom@example.org,,,\n',
        "utf-8",
        (
            "First Name",
            "Last Name",
            "Labels",
            "E-mail 1 - Label",
            "E-mail 2 - Label",
            "E-mail 2 - Value",
            "Address 1 - Formatted",
        ),
    ),
    "Microsoft Forms": (
        "ID;Heure de début;Heure de fin;Adresse de messagerie;Nom\n"
        "1;01/09/2026 10:00;01/09/2026 10:02;lea@example.org;Lea\n2;01/09/2026 10:05;;tom@example.org;Tom\n",
        "utf-8",
        ("ID", "Heure de début", "Heure de fin", "Nom"),
    ),
    "accounts of Microsoft 365": (
        "Nom d'affichage,Nom d'utilisateur principal,Adresses proxy\n"
        "Lea Exemple,lea@example.org,SMTP:lea@example.org+smtp:l@example.org\nTom,tom@example.org,\n",
        "utf-8-sig",
        ("Nom d'affichage", "Adresses proxy"),
    ),
    "people of Teams, with a title, in UTF-16 with tabs": (
        "1. Résumé\nTitre de la réunion\tRéunion RH\n\n2. Participants\n"
        "Nom\tPremière participation\tE-mail\tID du participant (UPN)\tRôle\n"
        "Lea\t01/09/2026 10:00\tlea@example.org\tlea@corp.example\tOrganisateur\n"
        "Tom\t01/09/2026 10:01\ttom@example.org\ttom@corp.example\tPrésentateur\n",
        "utf-16",
        ("Nom", "Première participation", "ID du participant (UPN)", "Rôle"),
    ),
    "staff software, with the manager's address": (
        "Matricule;Courriel professionnel;E-mail personnel;E-mail du manager\n"
        "1;lea@example.org;lea@home.example;chef@example.org\n2;tom@example.org;;chef@example.org\n",
        "cp1252",
        ("Matricule", "E-mail personnel", "E-mail du manager"),
    ),
}


@pytest.mark.parametrize(("text", "encoding", "ignored"), EXPORTS.values(), ids=EXPORTS)
def test_an_export_goes_in_as_it_is_and_the_other_columns_are_named(
    text: str, encoding: str, ignored: tuple[str, ...], tmp_path: Path
) -> None:
    guests = read(tmp_path / "people.csv", text, encoding)
    assert emails(guests) == ["lea@example.org", "tom@example.org"]
    assert guests.ignored == ignored


@pytest.mark.parametrize(
    "cell",
    [
        "Lea Exemple <Lea@example.org>",
        '"""Exemple, Lea"" <lea@example.org>"',
        "lea@example.org (Lea Exemple)",
        "Lea Exemple (lea@example.org)",
        "Lea Exemple [mailto:lea@example.org]",
        '"lea@example.org;"',
        "lea@example.org,",
        "<lea@example.org>",
        "mailto:lea@example.org?subject=Bonjour",
        "\u00a0lea@example.org\u200b ",
        "'lea@example.org'",
    ],
)
def test_an_address_goes_in_as_mail_programs_copy_it(cell: str, tmp_path: Path) -> None:
    assert emails(read(tmp_path / "people.csv", f"Nom;E-mail\nLea;{cell}\n".replace(",\n", "\n"))) == [
        "lea@example.org"
    ]


@pytest.mark.parametrize(
    "cell", ["Lea", "écrire à lea@example.org", "lea@example", "lea@@example.org", "lea@example.org tom@example.org"]
)
def test_what_is_no_single_address_is_named_by_its_cell(cell: str, tmp_path: Path) -> None:
    with pytest.raises(SheetError) as error:
        read(tmp_path / "people.csv", f"Nom;E-mail\nLea;{cell}\nTom;tom@example.org\n")
    assert [problem.cell for problem in error.value.problems] == ["B2"]


@pytest.mark.parametrize(
    ("text", "cell", "column"),
    [
        ("Nom;E-mail du manager\nLea;chef@example.org\n", "B1", "B"),
        ("Nom;Boîte de messagerie\nLea;anonyme\n", "B1", "B"),
        ("lea@example.org;Saules\ntom@example.org;Saules\n", "A1", "A"),
        ("Nom;Contact\nLea;lea@exemple\n", "B1", "B"),
    ],
    ids=["the manager's", "no address in it", "no heading at all", "addresses that are none"],
)
def test_a_refusal_names_the_column_that_looks_like_it(text: str, cell: str, column: str, tmp_path: Path) -> None:
    with pytest.raises(SheetError) as error:
        read(tmp_path / "people.csv", text)
    (problem,) = error.value.problems
    assert problem.problem.startswith("no header row with a column e-mail")
    assert problem.cell == cell
    assert f"column {column} is meant" in problem.fix


def test_two_columns_of_different_addresses_are_not_chosen_between(tmp_path: Path) -> None:
    with pytest.raises(SheetError) as error:
        read(tmp_path / "people.csv", "E-mail;Courriel\nlea@example.org;l.exemple@example.org\n")
    assert [(problem.cell, problem.problem) for problem in error.value.problems] == [("B1", "a second column e-mail")]
    # The same addresses twice leave nothing to choose; and one address in the first column is not everybody's.
    assert emails(read(tmp_path / "same.csv", "E-mail;Mail\nlea@example.org;Lea@example.org\n")) == ["lea@example.org"]
    with pytest.raises(SheetError) as error:
        read(tmp_path / "few.csv", "E-mail;Compte\n;a@example.org\nb@example.org;b@example.org\n;c@example.org\n")
    assert [problem.cell for problem in error.value.problems] == ["B1"]


def test_a_workbook_of_the_staff_goes_in_with_titles_merged_units_and_a_page_of_help(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "Collaborateurs"
    for row in (
        ("Liste des e-mails du personnel",),
        ("Édité le 01/09/2026",),
        (),
        ("Service", "Nom", "Salaire", "Contact", "Ligue"),
        ("Paie", "Exemple Lea", 1, "Lea@example.org", "Saules"),
        (None, "Exemple Tom", 2, "tom@example.org", None),
        ("Total", 2, 3),
    ):
        sheet.append(row)
    sheet.merge_cells("A1:E1")
    sheet.merge_cells("A5:A6")
    sheet.column_dimensions["C"].hidden = True
    help_page = workbook.create_sheet("Aide")
    help_page.append(("Une question ?", "Écrire à"))
    workbook.save(tmp_path / "people.xlsx")
    guests = read_guests(tmp_path / "people.xlsx")
    assert [(guest.email, guest.league) for guest in guests.guests] == [
        ("lea@example.org", "Saules"),
        ("tom@example.org", None),
    ]
    assert guests.ignored == ("Service", "Nom", "Salaire")
    # What is read may not be merged or hidden.
    sheet.merge_cells("E5:E6")
    sheet.column_dimensions["D"].hidden = True
    workbook.save(tmp_path / "people.xlsx")
    with pytest.raises(SheetError) as error:
        read_guests(tmp_path / "people.xlsx")
    assert {problem.problem for problem in error.value.problems} == {
        "merged cells",
        "a hidden column that is not empty",
    }


def test_headings_that_come_again_are_no_addresses(tmp_path: Path) -> None:
    text = "Nom;E-mail\nLea;lea@example.org\n\nSite de Lyon;\nNom;E-mail\nTom;tom@example.org\n"
    assert emails(read(tmp_path / "people.csv", text)) == ["lea@example.org", "tom@example.org"]


@pytest.mark.parametrize(
    "heading",
    ["Dans quelle ligue veux-tu jouer ?", "Votre ligue ?", "Ligue MPP", "Ligue (optionnel)", "Ligue*", "Groupe"],
)
def test_the_league_is_known_by_a_word_of_its_heading_or_by_its_cells(tmp_path: Path, heading: str) -> None:
    (tmp_path / "people.csv").write_text(
        f"E-mail;{heading};Site\nada@example.org;Les Saules;Lyon\ntom@example.org;;Lyon\n"
    )
    found = read_guests(tmp_path / "people.csv", leagues=["Les Saules", "Les Tilleuls"])
    assert [guest.league for guest in found.guests] == ["Les Saules", None]
    assert found.ignored == ("Site",)


def test_of_two_columns_that_may_be_the_league_one_is_asked_for(tmp_path: Path) -> None:
    text = "E-mail;Ligue 2026;Ligue 2027\nada@example.org;Les Saules;Les Saules\n"
    with pytest.raises(SheetError, match="a second column league"):
        read(tmp_path / "people.csv", text)


def test_an_apostrophe_belongs_to_an_address_and_quotes_around_it_do_not(tmp_path: Path) -> None:
    text = "E-mail\no'brien@example.org\n'd'angelo@example.org'\nAda <o'neil@example.org>\n"
    assert emails(read(tmp_path / "people.csv", text)) == [
        "o'brien@example.org",
        "d'angelo@example.org",
        "o'neil@example.org",
    ]


@pytest.mark.parametrize(
    "heading",
    [
        "E-mail resp. hiérarchique",
        "E-mail du RH",
        "E-mail du conjoint",
        "E-mail suppléant",
        "E-mail tuteur",
        "E-mail 1",
    ],
)
def test_an_address_of_somebody_else_is_not_taken_for_one_that_is_missing(tmp_path: Path, heading: str) -> None:
    with pytest.raises(SheetError) as refused:
        read(tmp_path / "people.csv", f"Nom;{heading};E-mail\nAda;chief@example.org;\n")
    (problem,) = refused.value.problems
    assert (problem.cell, problem.problem) == ("C2", "no address below the header")


@pytest.mark.parametrize(
    "heading", ["E-mail resp. hiérarchique", "E-mail du RH", "Mail de la conjointe", "E-mail of the boss"]
)
def test_whose_address_it_is_is_asked_when_the_heading_names_somebody(tmp_path: Path, heading: str) -> None:
    with pytest.raises(SheetError, match="if column B is meant"):
        read(tmp_path / "people.csv", f"Nom;{heading}\nAda;chief@example.org\n")


@pytest.mark.parametrize(
    "heading",
    ["Ton adresse e-mail", "E-mail du participant", "E-mail des salariés", "Email address of the participant"],
)
def test_the_address_that_people_gave_themselves_is_theirs(tmp_path: Path, heading: str) -> None:
    text = f"Adresse de messagerie;{heading}\nanonymous;ada@example.org\n"
    assert emails(read(tmp_path / "people.csv", text)) == ["ada@example.org"]


def test_two_addresses_of_one_person_are_no_two_people(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="one person: keep the one to write to"):
        read(tmp_path / "google.csv", "Name,E-mail 1 - Value\nTom,tom@example.org ::: tom2@example.org\n")


@pytest.mark.parametrize(
    "text",
    [
        "[12/03/2026 14:02] Lea: lea@example.org\n[12/03/2026 14:05] Tom: merci !\n"
        "[12/03/2026 14:06] Tom: Tom@example.org\n",
        "\u200e[12/03/2026, 14:02:33] Lea Exemple: lea@example.org\n[12/03/2026, 14:05:01] +33 6 12 34 56 78: et moi\n"
        "tom@example.org\n",
        "12/03/2026, 14:02 - Lea: lea@example.org, tom@example.org\n12/03/2026, 14:03 - Max a quitté le groupe\n",
        "12/03/2026 à 14:02 - Lea: lea@example.org; tom@example.org;\n",
        "3/12/26, 2:02 PM - Lea: mailto:lea@example.org\n3/12/26, 2:03 PM - Lea: @Tom ?\n"
        "3/12/26, 2:04 PM - Tom: <tom@example.org>\n",
        "2026-03-12 14:02 - Lea: lea@example.org\n2026-03-12 14:02 - Tom: tom@example.org\n",
    ],
    ids=["Signal", "WhatsApp on an iPhone", "a list in a message", "semicolons", "in the American way", "ISO days"],
)  # fmt: skip
def test_a_group_chat_goes_in_as_it_was_copied(text: str, tmp_path: Path) -> None:
    found = read(tmp_path / "chat.txt", text)
    assert emails(found) == ["lea@example.org", "tom@example.org"]
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "@example.org" not in line]
    assert found.talk == tuple(f"A{number}" for number in lines)


def test_an_address_inside_a_sentence_of_a_chat_is_asked_about(tmp_path: Path) -> None:
    text = "[12/03/2026 14:02] Lea: lea@example.org\n[12/03/2026 14:03] Tom: pas à bob@example.org\n"
    with pytest.raises(SheetError) as error:
        read(tmp_path / "chat.txt", text)
    assert [(problem.cell, problem.problem) for problem in error.value.problems] == [("A2", "not an e-mail address")]


@pytest.mark.parametrize(
    "text",
    [
        'E-mail\n"Lea <lea@example.org>; Tom <tom@example.org>"\n',
        "E-mail\nlea@example.org; tom@example.org;\n",
        "E-mail\nlea@example.org, Tom <tom@example.org>\n",
        'E-mail;Ligue\n"Exemple, Lea <lea@example.org>; Exemple, Tom <tom@example.org>";Saules\n',
        'E-mail;Équipe\n"""Exemple; Lea"" <lea@example.org>, ""Exemple, Tom"" <tom@example.org>";Ventes\n',
        'Date;E-mail\n01/09/2026;"Lea <lea@example.org>, Tom <tom@example.org>"\n',
    ],
)
def test_several_people_in_one_cell_are_several_guests(text: str, tmp_path: Path) -> None:
    found = read(tmp_path / "people.csv", text)
    assert emails(found) == ["lea@example.org", "tom@example.org"]
    assert {guest.league for guest in found.guests} == ({"Saules"} if "Saules" in text else {None})


@pytest.mark.parametrize("cell", ["lea@example.org; lea@home.example", "Lea <lea@example.org>; Lea <lea@home.example>"])
def test_two_addresses_in_the_row_of_one_person_are_asked_about(cell: str, tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="several addresses in one cell"):
        read(tmp_path / "people.csv", f'Nom;E-mail\nLea;"{cell}"\n')


def test_the_sheets_that_are_not_read_are_named(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "Inscrits"
    for row in (("E-mail",), ("lea@example.org",)):
        sheet.append(row)
    workbook.create_sheet("Aide").append(("Comment remplir",))
    workbook.save(tmp_path / "people.xlsx")
    found = read_guests(tmp_path / "people.xlsx")
    assert (found.sheet, found.other_sheets) == ("Inscrits", ("Aide",))


def test_who_is_there_again_with_the_same_league_or_none_is_read_once(tmp_path: Path) -> None:
    text = "E-mail;Ligue\nada@example.org;\ntom@example.org;Saules\nAda@example.org;Saules\ntom@example.org;\n"
    found = read(tmp_path / "people.csv", text)
    assert [(guest.email, guest.league) for guest in found.guests] == [
        ("ada@example.org", "Saules"),
        ("tom@example.org", "Saules"),
    ]
    assert found.repeated == ("A4", "A5")
