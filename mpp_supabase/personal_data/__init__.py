"""What is held about a person as a page that people read, beside the JSON that programs read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

Language: TypeAlias = Literal["fr", "en"]

_HERE = Path(__file__).resolve().parent

#: The title of each part, in the order of the page: French, English.
TITLES: dict[str, tuple[str, str]] = {
    "account": ("Compte", "Account"),
    "profile": ("Profil", "Profile"),
    "consent": ("Consentements", "Consents"),
    "guardian_request": ("Demandes à un·e responsable légal·e", "Questions to a guardian"),
    "guardian_consent": ("Réponses d’un·e responsable légal·e", "Answers of a guardian"),
    "privacy_request": ("Demandes sur les données", "Requests about data"),
    "player": ("Éditions jouées", "Editions played"),
    "player_contact": ("Téléphone", "Telephone"),
    "score": ("Points", "Points"),
    "award": ("Prix", "Awards"),
    "validation": ("Défis relevés", "Challenges done"),
    "unlock": ("Défis débloqués", "Challenges unlocked"),
    "unlock_guess": ("Essais de mots secrets", "Guesses of secret words"),
    "ambassador": ("Ligues animées", "Leagues run"),
    "league": ("Ligues créées", "Leagues made"),
    "teacher": ("Enseignement", "Teaching"),
    "validations_for_pupils": ("Défis validés pour des élèves", "Challenges marked for pupils"),
    "school": ("Écoles ajoutées", "Schools added"),
    "family": ("Classes suivies", "Classes followed"),
    "class_guess": ("Essais de codes de classe", "Guesses of class codes"),
    "picture": ("Photo de profil", "Profile picture"),
    "photo": ("Photos partagées", "Photos shared"),
    "files": ("Fichiers", "Files"),
    "staff": ("Organisations", "Organisations"),
    "staff_invitation": ("Invitations à une équipe", "Invitations to a team"),
    "participant": ("Invitations à jouer", "Invitations to play"),
    "ops_member": ("Équipe de l’association", "Team of the association"),
    "campaign_guest": ("Opérations avec des partenaires", "Campaigns with partners"),
    "partner_address": ("Adresses transmises à des partenaires", "Addresses given to partners"),
    "partner_withdrawal": ("Retraits auprès de partenaires", "Withdrawals from partners"),
    "conduct_report": ("Signalements", "Reports"),
    "name_change": ("Noms changés par l’équipe", "Names changed by the staff"),
    "contact_request": ("Messages envoyés", "Messages sent"),
    "outbox": ("Mails reçus", "Mails received"),
    "mail_suppression": ("Désinscriptions", "Unsubscriptions"),
    "mail_bounce": ("Mails refusés", "Mails refused"),
    "unsubscribe_token": ("Liens de désinscription", "Links to unsubscribe"),
    "account_proof": ("Preuves de l’adresse", "Proofs of the address"),
    "session": ("Connexions", "Sessions"),
    "factor": ("Seconds facteurs", "Second factors"),
    "audit": ("Journal", "Log"),
}

_WORDS = {
    "fr": {
        "title": "Mes données chez Ma Petite Planète",
        "at": "Au {moment}",
        "yes": "oui",
        "no": "non",
        "left_out": "{n} lignes plus anciennes n’y figurent pas.",
        "contents": "Sommaire",
        "about": "Ce document réunit tout ce que la base de données garde sur ce compte. "
        "Les noms des champs sont ceux de la base.",
    },
    "en": {
        "title": "My data at Ma Petite Planète",
        "at": "On {moment}",
        "yes": "yes",
        "no": "no",
        "left_out": "{n} older rows are not in it.",
        "contents": "Contents",
        "about": "This document holds everything that the database keeps about this account. "
        "Fields have the names of the database.",
    },
}


def draw_page(document: Mapping[str, Any], language: Language) -> str:
    """Return the document of `export_my_data` as one HTML page without scripts; everything in it is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    words = _WORDS[language]
    data = dict(document["data"])
    parts = []
    for name in [*TITLES, *sorted(data.keys() - TITLES.keys())]:
        if data.get(name) in (None, [], {}):
            continue
        rows, left_out = _rows(data[name])
        titles = TITLES.get(name, (name, name))
        columns = list(dict.fromkeys(column for row in rows for column in row))
        parts.append(
            {
                "name": name,
                "title": titles[0] if language == "fr" else titles[1],
                "columns": columns,
                "rows": [[_text(row.get(column), language) for column in columns] for row in rows],
                "left_out": words["left_out"].format(n=left_out) if left_out else "",
            }
        )
    moment = datetime.fromisoformat(document["exported_at"])
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html").render(
        words=words, language=language, parts=parts, at=words["at"].format(moment=f"{moment:%Y-%m-%d %H:%M %Z}")
    )


def _rows(value: Any) -> tuple[list[dict[str, Any]], int]:
    """The rows of a part, and how many were left out: a part is a row, rows, or rows that were cut."""
    if isinstance(value, dict) and set(value) == {"rows", "left_out"}:
        return _rows(value["rows"])[0], int(value["left_out"])
    if isinstance(value, dict):
        return [value], 0
    if isinstance(value, list):
        return [row if isinstance(row, dict) else {"": row} for row in value], 0
    return [{"": value}], 0


def _text(value: Any, language: Language) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _WORDS[language]["yes" if value else "no"]
    if isinstance(value, dict):
        # A text of the game in several languages, else whatever it holds.
        return str(value.get(language) or ", ".join(f"{key}: {_text(inner, language)}" for key, inner in value.items()))
    if isinstance(value, list):
        return ", ".join(_text(inner, language) for inner in value)
    return str(value)
