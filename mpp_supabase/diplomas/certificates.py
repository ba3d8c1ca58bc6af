"""Certificates of leagues and teams, in the manner of the certificate of a class: a page for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from mpp_supabase.diplomas.pages import (
    MAX_TEXT,
    DiplomaError,
    certificate_figures,
    compiler_with,
    document,
    page_words,
    pressed,
    write_pdf,
)
from mpp_supabase.diplomas.printing import FONT, breakable, clean
from mpp_supabase.diplomas.wording import LANGUAGES, WORDINGS, Language, Wording

CertificateKind: TypeAlias = Literal["league", "team"]

MAX_CERTIFICATES = 2_000
MAX_AWARDS = 6


@dataclass(frozen=True, slots=True)
class Certificate:
    """A league, or a team, whose league or organisation stands `under` its name.

    `awards` are the titles it won, such as “Grand Zizou de l’écologie”. A figure that is unknown, or not above zero, is
    not printed, nor is a rank that is not given (among `ranked`).
    """

    name: str
    kind: CertificateKind = "league"
    under: str = ""
    awards: tuple[str, ...] = ()
    players: int | None = None
    challenges: int | None = None
    points: int | None = None
    rank: int | None = None
    ranked: int | None = None


@dataclass(frozen=True, slots=True)
class Certificates:
    """The certificates of one file: `edition` is its title in the language of the pages, then its first and last day.

    `signed_by` stands on the line to sign; without it, there is room for a signature.
    """

    edition: str
    starts_on: date
    ends_on: date
    certificates: tuple[Certificate, ...]
    signed_by: str | None = None


def write_certificates(
    path: str | Path, certificates: Certificates, language: Language = "fr", *, fonts: str | Path | None = None
) -> int:
    """Write a PDF with a page for each certificate and return how many there are.

    What write_diplomas says of letters and fonts holds here too. Raises DiplomaError.
    """
    if language not in LANGUAGES:
        raise DiplomaError(f"There are no certificates in {language!r}.", f"Use one of: {', '.join(LANGUAGES)}.")
    _check(certificates)
    compiler, families = compiler_with(fonts)
    every = certificates.certificates
    names = (certificates.edition, *(one.name for one in every))
    others = (*(one.under for one in every), *(award for one in every for award in one.awards))
    pdf = pressed(
        compiler,
        lambda without: _page(certificates, language, families, without),
        certificates.ends_on,
        _called(certificates),
        names,
        (*others, certificates.signed_by or ""),
    )
    write_pdf(Path(path), pdf)
    return len(every)


def _page(
    certificates: Certificates, language: Language, families: list[str], without: frozenset[str]
) -> dict[str, Any]:
    words = WORDINGS[language]

    def shown(text: str) -> str:
        return breakable(clean("".join(character for character in text if character not in without)))

    period = words.period(certificates.starts_on, certificates.ends_on)
    return {
        "document": document(f"{words.certificates_title}, {clean(certificates.edition)}", certificates.ends_on),
        "language": language,
        "fonts": [FONT, *families],
        "words": page_words(words),
        "content": {
            "edition": f"{shown(certificates.edition)} · {period}",
            "signature": shown(certificates.signed_by or ""),
            "pupils": [],
            "certificates": [
                {
                    "title": words.league_certificate if one.kind == "league" else words.team_certificate,
                    "name": shown(one.name),
                    "under": shown(one.under),
                    "awards": " · ".join(shown(award) for award in one.awards),
                    "figures": _figures(words, one),
                    "praise": words.praise_together,
                }
                for one in certificates.certificates
            ],
        },
    }


def _figures(words: Wording, one: Certificate) -> list[dict[str, str]]:
    counts = ((one.players, words.players), (one.challenges, words.challenges), (one.points, words.points))
    among = words.leagues if one.kind == "league" else words.teams
    return certificate_figures(words, counts, one.rank, one.ranked, among)


def _check(certificates: Certificates) -> None:
    wrong: list[str] = []
    every = certificates.certificates
    if not 1 <= len(every) <= MAX_CERTIFICATES:
        wrong.append(f"there are {len(every)} certificates, and 1 to {MAX_CERTIFICATES} fit in a file")
    if not clean(certificates.edition):
        wrong.append("the edition's title is empty")
    if certificates.starts_on > certificates.ends_on:
        wrong.append("the edition ends before it starts")
    for number, one in enumerate(every, start=1):
        if one.kind not in get_args(CertificateKind):
            wrong.append(f"certificate {number}: {one.kind!r} is neither a league nor a team")
        if not clean(one.name):
            wrong.append(f"certificate {number}: the name is empty")
        if len(one.awards) > MAX_AWARDS:
            wrong.append(f"certificate {number}: {len(one.awards)} titles, and {MAX_AWARDS} is the most")
        if any(len(text) > MAX_TEXT for text in (one.name, one.under, *one.awards)):
            wrong.append(f"certificate {number}: a text has over {MAX_TEXT} characters")
        if any(value is not None and value < 1 for value in (one.rank, one.ranked)):
            wrong.append(f"certificate {number}: a rank is under 1")
    if wrong:
        problems = [f"{_called(certificates)}: {problem}" for problem in wrong]
        raise DiplomaError(
            f"{_called(certificates)}: {'; '.join(wrong)}.", "Correct the certificates; nothing was written.", problems
        )


def _called(certificates: Certificates) -> str:
    return f"the certificates of {clean(certificates.edition) or 'an edition without a title'}"
