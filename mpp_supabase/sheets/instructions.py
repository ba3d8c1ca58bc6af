"""The words of exported sheets and templates, in the three languages: tabs, headers, and how to fill them in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language. The reader knows the headers; it passes over the sheet named `how_to`."""

    first_name: str
    initial: str
    team: str
    roster: str
    tracking: str
    how_to: str
    code: str
    points: str
    on_roster: tuple[str, ...]
    on_tracking: tuple[str, ...]


LANGUAGES = {
    "fr": Words(
        first_name="Prénom",
        initial="Initiale",
        team="Équipe",
        roster="Classe",
        tracking="Suivi",
        how_to="Mode d'emploi",
        code="Code",
        points="Points",
        on_roster=(
            "Une ligne par élève, dans la première feuille. Ne changez pas les titres des colonnes.",
            "Le prénom seulement : jamais de nom de famille, d’adresse e-mail ni de date de naissance. "
            "Un prénom composé s’écrit avec un trait d’union : Marie-Lou.",
            "L’initiale ne sert que si deux élèves ont le même prénom : Lina M. et Lina B. Sinon, laissez-la vide.",
            "L’équipe peut rester vide. Une équipe qui n’existe pas encore sera créée.",
            "Pas de formule, de cellule fusionnée, de ligne ni de colonne masquée.",
            "Vous pouvez importer ce fichier plusieurs fois : personne n’est ajouté deux fois ni supprimé.",
        ),
        on_tracking=(
            "Une ligne par élève, une colonne par défi, dans la première feuille. "
            "Ne changez ni les titres ni la ligne des codes.",
            "Défi réalisé : mettez x. Réalisé plusieurs fois : mettez le nombre. Ou la date : 12/03/2026.",
            "Pas encore réalisé : laissez la case vide.",
            "Pas de formule, de cellule fusionnée, de ligne ni de colonne masquée.",
            "Vous pouvez importer ce fichier plusieurs fois : rien n’est compté deux fois. "
            "Effacer une croix n’annule pas une validation déjà importée.",
        ),
    ),
    "en": Words(
        first_name="First name",
        initial="Initial",
        team="Team",
        roster="Class",
        tracking="Tracking",
        how_to="How to use",
        code="Code",
        points="Points",
        on_roster=(
            "One row for each pupil, in the first sheet. Leave the titles of the columns as they are.",
            "First names only: never a surname, an e-mail address or a date of birth. "
            "Join a compound first name with a hyphen: Marie-Lou.",
            "The initial is needed only when two pupils have the same first name (Lina M. and Lina B.).",
            "The team may stay empty. A team that does not exist yet will be made.",
            "No formulas, no merged cells, no hidden rows or columns.",
            "You can import this file several times: nobody is added twice, and nobody is removed.",
        ),
        on_tracking=(
            "One row for each pupil and one column for each challenge, in the first sheet. "
            "Leave the titles and the row of codes as they are.",
            "Challenge done: write x. Done several times: write the number. Or the date: 12/03/2026 (day/month/year).",
            "Not done yet: leave the cell empty.",
            "No formulas, no merged cells, no hidden rows or columns.",
            "You can import this file several times: nothing is counted twice. "
            "Clearing a mark does not cancel a validation that was imported.",
        ),
    ),
    "de": Words(
        first_name="Vorname",
        initial="Initial",
        team="Gruppe",
        roster="Klasse",
        tracking="Übersicht",
        how_to="Anleitung",
        code="Code",
        points="Punkte",
        on_roster=(
            "Eine Zeile für jedes Kind, auf dem ersten Blatt. Die Überschriften der Spalten bitte nicht ändern.",
            "Nur Vornamen: nie ein Nachname, eine E-Mail-Adresse oder ein Geburtsdatum. "
            "Doppelnamen mit Bindestrich: Marie-Lou.",
            "Das Initial ist nur bei gleichen Vornamen nötig: Lina M. und Lina B. Sonst leer lassen.",
            "Die Gruppe darf leer bleiben. Eine Gruppe, die es noch nicht gibt, wird angelegt.",
            "Keine Formeln, keine verbundenen Zellen, keine ausgeblendeten Zeilen oder Spalten.",
            "Sie können diese Datei mehrmals einlesen: Niemand kommt doppelt dazu, niemand wird entfernt.",
        ),
        on_tracking=(
            "Eine Zeile für jedes Kind, eine Spalte für jede Aufgabe, auf dem ersten Blatt. "
            "Überschriften und die Zeile mit den Codes bitte nicht ändern.",
            "Erledigt: x eintragen. Mehrmals erledigt: die Anzahl. Oder das Datum: 12.03.2026.",
            "Noch nicht erledigt: das Feld leer lassen.",
            "Keine Formeln, keine verbundenen Zellen, keine ausgeblendeten Zeilen oder Spalten.",
            "Sie können diese Datei mehrmals einlesen: Nichts zählt doppelt. "
            "Ein gelöschtes Kreuz nimmt nichts zurück, was schon eingelesen wurde.",
        ),
    ),
}
"""Words by language."""
