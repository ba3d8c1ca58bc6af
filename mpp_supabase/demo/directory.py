"""A made-up directory of schools in the shape of the Ministry's: for tests, and to show a search at its real size.

Towns, names and codes are invented (the codes count down from 9999, where there are hardly any schools, and have the
right letter), addresses end in .invalid, and telephone numbers are of the ranges that are kept for fiction.
Departments, académies and regions are real.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal, get_args

from mpp_supabase.files.school_directory import check_letter

Header = Literal["mixed", "upper", "lower"]

ROWS = 68_000
MAX_ROWS = 150_000
SAMPLE_ROWS = 500
SAMPLE_SEED = 2026

COLUMNS = (
    "Identifiant_de_l_etablissement",
    "Nom_etablissement",
    "Type_etablissement",
    "Statut_public_prive",
    "Adresse_1",
    "Adresse_2",
    "Adresse_3",
    "Code_postal",
    "Code_commune",
    "Nom_commune",
    "Code_departement",
    "Code_academie",
    "Code_region",
    "Ecole_maternelle",
    "Ecole_elementaire",
    "Voie_generale",
    "Voie_technologique",
    "Voie_professionnelle",
    "Telephone",
    "Fax",
    "Web",
    "Mail",
    "Restauration",
    "Hebergement",
    "ULIS",
    "Apprentissage",
    "Segpa",
    "Section_arts",
    "Section_cinema",
    "Section_theatre",
    "Section_sport",
    "Section_internationale",
    "Section_europeenne",
    "Lycee_Agricole",
    "Lycee_militaire",
    "Lycee_des_metiers",
    "Post_BAC",
    "Appartenance_Education_Prioritaire",
    "GRETA",
    "SIREN_SIRET",
    "Nombre_d_eleves",
    "Fiche_onisep",
    "position",
    "Type_contrat_prive",
    "Libelle_departement",
    "Libelle_academie",
    "Libelle_region",
    "coordX_origine",
    "coordY_origine",
    "epsg_origine",
    "nom_circonscription",
    "latitude",
    "longitude",
    "precision_localisation",
    "date_ouverture",
    "date_maj_ligne",
    "etat",
    "ministere_tutelle",
    "multi_uai",
    "rpi_concentre",
    "rpi_disperse",
    "code_nature",
    "libelle_nature",
    "Code_type_contrat_prive",
    "PIAL",
    "etablissement_mere",
    "type_rattachement_etablissement_mere",
    "code_circonscription",
    "code_zone_animation_pedagogique",
    "libelle_zone_animation_pedagogique",
    "code_bassin_formation",
    "libelle_bassin_formation",
)

# Kept for films and books by the French regulator, by the first two digits.
_TELEPHONES = ("019900", "026191", "035301", "046571", "053649")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of establishment: how many of a thousand rows, what part of them is private, and what its row says."""

    share: float
    private: float
    type: str
    nature: tuple[int, str]
    names: tuple[str, ...]
    private_names: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    pupils: tuple[int, int] = (0, 0)


_KINDS = (
    _Kind(
        190,
        0.01,
        "Ecole",
        (101, "ECOLE MATERNELLE"),
        ("Ecole maternelle", "Ecole maternelle publique", "ECOLE MATERNELLE"),
        ("Ecole maternelle privée",),
        ("Ecole_maternelle",),
        (40, 160),
    ),
    _Kind(
        230,
        0.03,
        "Ecole",
        (151, "ECOLE DE NIVEAU ELEMENTAIRE"),
        ("Ecole élémentaire", "Ecole élémentaire publique", "ECOLE ELEMENTAIRE"),
        ("Ecole élémentaire privée",),
        ("Ecole_elementaire",),
        (60, 280),
    ),
    _Kind(
        306,
        0.16,
        "Ecole",
        (151, "ECOLE DE NIVEAU ELEMENTAIRE"),
        ("Ecole primaire", "Ecole primaire publique", "ECOLE PRIMAIRE", "Ecole"),
        ("Ecole primaire privée", "ECOLE PRIVEE"),
        ("Ecole_maternelle", "Ecole_elementaire"),
        (30, 320),
    ),
    _Kind(
        105,
        0.25,
        "Collège",
        (340, "COLLEGE"),
        ("Collège", "COLLEGE"),
        ("Collège privé", "COLLEGE PRIVE"),
        (),
        (200, 800),
    ),
    _Kind(
        24,
        0.35,
        "Lycée",
        (302, "LYCEE D ENSEIGNEMENT GENERAL"),
        ("Lycée général",),
        ("Lycée général privé",),
        ("Voie_generale",),
        (300, 1500),
    ),
    _Kind(
        18,
        0.2,
        "Lycée",
        (306, "LYCEE POLYVALENT"),
        ("Lycée polyvalent", "LYCEE"),
        ("Lycée polyvalent privé",),
        ("Voie_generale", "Voie_technologique", "Voie_professionnelle"),
        (400, 2000),
    ),
    _Kind(
        19,
        0.4,
        "Lycée",
        (320, "LYCEE PROFESSIONNEL"),
        ("Lycée professionnel",),
        ("Lycée professionnel privé",),
        ("Voie_professionnelle",),
        (150, 700),
    ),
    _Kind(1.2, 0, "EREA", (370, "ETAB REGIONAL/LYCEE ENSEIGNEMENT ADAPTE"), ("EREA",), (), (), (60, 150)),
    _Kind(44, 0.9, "Médico-social", (903, "INSTITUT MEDICO-EDUCATIF"), ("Institut médico-éducatif",), ("IME",)),
    _Kind(
        41,
        0,
        "Service Administratif",
        (811, "CIRCONSCRIPTIONS INSPECTION EDUC NAT"),
        ("Inspection de l'éducation nationale",),
    ),
    _Kind(
        8,
        0,
        "Information et orientation",
        (460, "CENTRE D INFORMATION ET D ORIENTATION"),
        ("Centre d'information et d'orientation",),
    ),
    _Kind(13.8, 0.5, "Autre", (504, "CENTRE DE FORMATION"), ("Centre de formation",), ("Centre privé de formation",)),
)


def write_directory(
    path: str | Path, rows: int = ROWS, seed: int = SAMPLE_SEED, *, header: Header = "mixed", bom: bool = False
) -> None:
    """Write a made-up directory of `rows` rows. The same rows and seed give the same file.

    The file is CSV with `;`, in UTF-8, with the columns of the Ministry's; `header` writes their names mixed as its
    download does, in capitals or in lower case. The shares of schools, services, private and closing ones are about
    those of France. Raises ValueError: a number of rows outside 1 to MAX_ROWS.
    """
    if not 1 <= rows <= MAX_ROWS:
        raise ValueError(f"rows must be from 1 to {MAX_ROWS}")
    if header not in get_args(Header):
        raise ValueError(f"header must be one of {', '.join(get_args(Header))}")
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=";", lineterminator="\n")
            writer.writerow([_in_case(column, header) for column in COLUMNS])
            for row in _rows(rows, Random(seed)):
                writer.writerow([row.get(column, "") for column in COLUMNS])
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _in_case(column: str, header: Header) -> str:
    if header == "mixed":
        return column
    return column.upper() if header == "upper" else column.lower()


@cache
def _fiction() -> dict[str, Any]:
    fiction: dict[str, Any] = json.loads(Path(__file__).with_name("directory.json").read_text(encoding="utf-8"))
    return fiction


def _rows(count: int, rng: Random) -> Iterator[dict[str, object]]:
    departments = _fiction()["departments"]
    weight = sum(department[2] for department in departments)
    shares = [kind.share for kind in _KINDS]
    before = done = 0
    for department in departments:
        # Rounded on the running total, so that the parts add up to `count`.
        before += department[2]
        here = round(count * before / weight) - done
        done += here
        towns = _towns(department, max(here // 4, 1), rng)
        for number, kind in enumerate(rng.choices(_KINDS, shares, k=here), start=1):
            yield _row(kind, department, number, rng.choice(towns), rng)


def _towns(department: list[str], count: int, rng: Random) -> list[tuple[str, str, str]]:
    """Return (name, postcode, commune code) of made-up towns of a department."""
    code = department[0]
    digits = code if code.startswith("97") else code[1:]
    prefix = "20" if digits in ("2A", "2B") else digits
    every = [
        beginning + ("s" if ending.startswith("-") and rng.random() < 0.2 else "") + ending
        for beginning in _fiction()["town_beginnings"]
        for ending in _fiction()["town_endings"]
    ]
    width = 5 - len(prefix)
    # Overseas, the code of a commune has two digits of its own.
    most = min(len(every), 10 ** (5 - len(digits)) - 1)
    return [
        (
            name,
            f"{prefix}{rng.randrange(1, 100) * 10 % 10**width:0{width}d}",
            f"{digits}{number:0{5 - len(digits)}d}",
        )
        for number, name in enumerate(rng.sample(every, min(count, most)), start=1)
    ]


def _row(kind: _Kind, department: list[str], number: int, town: tuple[str, str, str], rng: Random) -> dict[str, object]:
    code, department_name, _, academy_code, academy, region_code, region = department
    private = rng.random() < kind.private
    name = rng.choice(kind.private_names if private else kind.names)
    word = rng.choice(_fiction()["school_words"])
    whole = f"{name} {word}"
    rne = f"{ {'02A': '620', '02B': '720'}.get(code, code) }{10_000 - number:04d}"
    rne += check_letter(rne)
    school = kind.type in ("Ecole", "Collège", "Lycée", "EREA")
    first_degree = kind.type == "Ecole"
    row: dict[str, object] = {
        "Identifiant_de_l_etablissement": rne,
        "Nom_etablissement": whole.upper() if name.isupper() else whole,
        "Type_etablissement": kind.type,
        "Statut_public_prive": "Privé" if private else "Public",
        "Adresse_1": f"{rng.randrange(1, 120)} {rng.choice(_fiction()['street_kinds'])} {word}",
        "Adresse_3": f"{town[1]} {town[0].upper()}",
        "Code_postal": town[1],
        "Code_commune": town[2],
        "Nom_commune": town[0],
        "Code_departement": code,
        "Code_academie": academy_code,
        "Code_region": region_code,
        "Telephone": f"{rng.choice(_TELEPHONES)}{rng.randrange(10_000):04d}",
        "Mail": f"ce.{rne.lower()}@ecole.invalid",
        "Restauration": int(rng.random() < 0.8) if school else "",
        "Hebergement": int(rng.random() < 0.05) if school else "",
        "ULIS": int(rng.random() < 0.15) if school else "",
        "Type_contrat_prive": "CONTRAT D'ASSOCIATION TOUTES CLASSES" if private and school else "SANS OBJET",
        "Libelle_departement": department_name,
        "Libelle_academie": academy,
        "Libelle_region": region,
        "precision_localisation": "Numéro de rue",
        "date_ouverture": f"{rng.randrange(1965, 2025)}-09-01",
        "date_maj_ligne": "2026-01-15",
        "etat": "A FERMER" if rng.random() < 0.004 else "OUVERT",
        "ministere_tutelle": "MINISTERE DE L'EDUCATION NATIONALE",
        "multi_uai": 0,
        "code_nature": kind.nature[0],
        "libelle_nature": kind.nature[1],
        "Code_type_contrat_prive": 30 if private and school else 99,
    }
    if first_degree:
        row |= {column: int(column in kind.flags) for column in ("Ecole_maternelle", "Ecole_elementaire")}
        row |= {"rpi_concentre": 0, "nom_circonscription": f"Circonscription {town[0]}"}
    elif kind.type in ("Collège", "Lycée", "EREA"):
        ways = ("Voie_generale", "Voie_technologique", "Voie_professionnelle")
        row |= {column: int(column in kind.flags) for column in ways}
        row |= {"Segpa": int(kind.type == "Collège" and rng.random() < 0.2), "Section_sport": int(rng.random() < 0.3)}
    if kind.pupils[1]:
        row["Nombre_d_eleves"] = rng.randrange(*kind.pupils)
    return row
