"""What diplomas and certificates say, in French, English and German, with numbers and dates as each writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

Language = Literal["fr", "en", "de"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Forms = tuple[str, str]
"""The form for one and the form for several; `{}` is the number."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one language."""

    file_title: str
    title: str
    awarded: str
    for_challenges: str
    for_points: str
    for_both: str
    for_taking_part: str
    done: Forms
    won: Forms
    certificate: str
    pupils: Forms
    challenges: Forms
    points: Forms
    place: str
    classes: Forms
    praise: str
    certificates_title: str
    league_certificate: str
    team_certificate: str
    players: Forms
    leagues: Forms
    teams: Forms
    praise_together: str
    date_line: str
    signature_line: str
    singular: frozenset[int]
    thousands: str
    ordinal_mark: Callable[[int], tuple[str, str]]
    """What follows the number of a rank on the line, and what follows it raised."""
    period: Callable[[date, date], str]

    def number(self, value: int) -> str:
        """Return 2310 as this language writes it: 2 310, 2,310 or 2.310."""
        return f"{value:,}".replace(",", self.thousands)

    def counted(self, forms: Forms, value: int) -> str:
        """Return the form that goes with a number, with the number in its place."""
        return forms[value not in self.singular].replace("{}", self.number(value))


_FR_MONTHS = (
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
)
_EN_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DE_MONTHS = (
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
)


def _fr_period(first: date, last: date) -> str:
    def day(when: date) -> str:
        return "1er" if when.day == 1 else str(when.day)

    end = f"{day(last)} {_FR_MONTHS[last.month - 1]} {last.year}"
    if first == last:
        return f"le {end}"
    start = day(first)
    if (first.month, first.year) != (last.month, last.year):
        start += f" {_FR_MONTHS[first.month - 1]}"
    if first.year != last.year:
        start += f" {first.year}"
    return f"du {start} au {end}"


def _en_period(first: date, last: date) -> str:
    end = f"{last.day} {_EN_MONTHS[last.month - 1]} {last.year}"
    if first == last:
        return end
    start = f"{first.day}"
    if (first.month, first.year) != (last.month, last.year):
        start += f" {_EN_MONTHS[first.month - 1]}"
    if first.year != last.year:
        start += f" {first.year}"
    return f"{start} to {end}"


def _de_period(first: date, last: date) -> str:
    end = f"{last.day}. {_DE_MONTHS[last.month - 1]} {last.year}"
    if first == last:
        return f"am {end}"
    start = f"{first.day}."
    if (first.month, first.year) != (last.month, last.year):
        start += f" {_DE_MONTHS[first.month - 1]}"
    if first.year != last.year:
        start += f" {first.year}"
    return f"vom {start} bis {end}"


def _en_ordinal_mark(rank: int) -> tuple[str, str]:
    if rank % 100 in (11, 12, 13):
        return "", "th"
    return "", {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")


WORDINGS: dict[Language, Wording] = {
    "fr": Wording(
        file_title="Diplômes",
        title="Diplôme",
        awarded="décerné à",
        for_challenges="pour avoir relevé {done} pour la planète",
        for_points="pour avoir gagné {won} pour la planète",
        for_both="pour avoir relevé {done} et gagné {won}",
        for_taking_part="pour avoir pris part à l’aventure avec toute la classe",
        done=("{} défi", "{} défis"),
        won=("{} point", "{} points"),
        certificate="Certificat de la classe",
        pupils=("élève", "élèves"),
        challenges=("défi relevé", "défis relevés"),
        points=("point", "points"),
        place="place au classement",
        classes=("place sur {} classe", "place sur {} classes"),
        praise="Un geste après l’autre, toute la classe a pris soin de sa petite planète. Bravo\u202f!",
        certificates_title="Certificats",
        league_certificate="Certificat de la ligue",
        team_certificate="Certificat de l’équipe",
        players=("joueur", "joueurs"),
        leagues=("place sur {} ligue", "place sur {} ligues"),
        teams=("place sur {} équipe", "place sur {} équipes"),
        praise_together="Un défi après l’autre, ensemble, pour une petite planète qui se porte mieux. Bravo\u202f!",
        date_line="Date",
        signature_line="Signature",
        singular=frozenset((0, 1)),
        thousands="\u202f",
        ordinal_mark=lambda rank: ("", "re" if rank == 1 else "e"),
        period=_fr_period,
    ),
    "en": Wording(
        file_title="Diplomas",
        title="Diploma",
        awarded="awarded to",
        for_challenges="for taking up {done} for the planet",
        for_points="for winning {won} for the planet",
        for_both="for taking up {done} and winning {won}",
        for_taking_part="for joining in the adventure with the whole class",
        done=("{} challenge", "{} challenges"),
        won=("{} point", "{} points"),
        certificate="Class certificate",
        pupils=("pupil", "pupils"),
        challenges=("challenge done", "challenges done"),
        points=("point", "points"),
        place="place in the ranking",
        classes=("place out of {} class", "place out of {} classes"),
        praise="One small step after another, the whole class took care of its little planet. Well done!",
        certificates_title="Certificates",
        league_certificate="League certificate",
        team_certificate="Team certificate",
        players=("player", "players"),
        leagues=("place out of {} league", "place out of {} leagues"),
        teams=("place out of {} team", "place out of {} teams"),
        praise_together="One challenge after another, together, for a little planet that feels better. Well done!",
        date_line="Date",
        signature_line="Signature",
        singular=frozenset((1,)),
        thousands=",",
        ordinal_mark=_en_ordinal_mark,
        period=_en_period,
    ),
    "de": Wording(
        file_title="Urkunden",
        title="Urkunde",
        awarded="verliehen an",
        for_challenges="für {done} rund um unseren Planeten",
        for_points="für {won} rund um unseren Planeten",
        for_both="für {done} und {won}",
        for_taking_part="für die Teilnahme am Abenteuer der ganzen Klasse",
        done=("{} gemeisterte Herausforderung", "{} gemeisterte Herausforderungen"),
        won=("{} gesammelten Punkt", "{} gesammelte Punkte"),
        certificate="Klassenurkunde",
        pupils=("Kind", "Kinder"),
        challenges=("gemeisterte Herausforderung", "gemeisterte Herausforderungen"),
        points=("Punkt", "Punkte"),
        place="Platz der Rangliste",
        classes=("Platz von {} Klasse", "Platz von {} Klassen"),
        praise="Schritt für Schritt hat die ganze Klasse für ihren kleinen Planeten gesorgt. Bravo!",
        certificates_title="Urkunden",
        league_certificate="Urkunde der Liga",
        team_certificate="Urkunde des Teams",
        players=("Mitspieler", "Mitspielende"),
        leagues=("Platz von {} Liga", "Platz von {} Ligen"),
        teams=("Platz von {} Team", "Platz von {} Teams"),
        praise_together="Herausforderung um Herausforderung, gemeinsam, für unseren kleinen Planeten. Bravo!",
        date_line="Datum",
        signature_line="Unterschrift",
        singular=frozenset((1,)),
        thousands=".",
        ordinal_mark=lambda rank: (".", ""),
        period=_de_period,
    ),
}
