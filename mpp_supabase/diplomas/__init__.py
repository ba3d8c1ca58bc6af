"""Diplomas for the closing ceremony: one A4 PDF per class, a page for each pupil, then the class's certificate.
Certificates of leagues and teams: one PDF, a page for each.

    from mpp_supabase.diplomas import ClassDiplomas, PupilDiploma, write_diplomas
    write_diplomas("diplomas.pdf", ClassDiplomas(…, pupils=(PupilDiploma("Lina", challenges=12),)), "fr")

No database and no network: the caller brings the names and the figures. diploma.typ draws the pages, wording.py has
the words of each language.
"""

from mpp_supabase.diplomas.certificates import (
    MAX_CERTIFICATES,
    Certificate,
    CertificateKind,
    Certificates,
    write_certificates,
)
from mpp_supabase.diplomas.pages import (
    FIGURES,
    ClassDiplomas,
    DiplomaError,
    Figures,
    PupilDiploma,
    write_all,
    write_diplomas,
)
from mpp_supabase.diplomas.wording import LANGUAGES, Language

__all__ = [
    "FIGURES",
    "LANGUAGES",
    "MAX_CERTIFICATES",
    "Certificate",
    "CertificateKind",
    "Certificates",
    "ClassDiplomas",
    "DiplomaError",
    "Figures",
    "Language",
    "PupilDiploma",
    "write_all",
    "write_certificates",
    "write_diplomas",
]
