"""Subjects and HTML texts of the mails, in French and English, in the template language of Supabase Auth.

The same files serve our server, the real one (through the mailbox's `/templates`) and a deployed project, whose
`config.toml` can name them under `[auth.email.template.*]`.
"""

from __future__ import annotations

from pathlib import Path

#: Subject by mail, `{{ .Token }}` standing for the one-time code.
SUBJECTS = {
    "confirmation": "Confirmez votre adresse / Confirm your address",
    "invite": "Vous êtes invité·e / You are invited",
    "magic_link": "Votre lien de connexion / Your sign-in link",
    "recovery": "Nouveau mot de passe / Reset your password",
    "email_change": "Confirmez votre nouvelle adresse / Confirm your new address",
    "reauthentication": "{{ .Token }} : votre code / your code",
}

_DIRECTORY = Path(__file__).parent / "mail_templates"


def template(name: str) -> str:
    """Read the HTML text of one mail of `SUBJECTS`. Raises KeyError for any other name."""
    if name not in SUBJECTS:
        raise KeyError(name)
    return (_DIRECTORY / f"{name}.html").read_text(encoding="utf-8")
