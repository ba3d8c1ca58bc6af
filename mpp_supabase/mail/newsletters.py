"""A newsletter as the staff write it: a file of Markdown (a plain text is one), its subject in the first heading."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mpp_supabase import clock
from mpp_supabase.errors import MPPError
from mpp_supabase.mail.composing import render
from mpp_supabase.mail.letters import write_letter
from mpp_supabase.mail.outbox import ClaimedMail
from mpp_supabase.mail.settings import clean_header
from mpp_supabase.mail.wording import Language

LARGEST = 100_000


class NewsletterError(MPPError):
    """The file of a newsletter is wrong; nothing was queued."""

    code = "newsletter"


@dataclass(frozen=True, slots=True)
class NewsletterText:
    """What a file says: `code` from its name, `subject` from its first heading, and the rest."""

    code: str
    subject: str
    body: str


def read_newsletter(path: Path, *, code: str | None = None, subject: str | None = None) -> NewsletterText:
    """Read a newsletter. Raises NewsletterError: missing, too long, empty, not UTF-8, without subject."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig").replace("\r\n", "\n").strip()
    except OSError as error:
        raise NewsletterError(
            f"{path} cannot be read ({error.strerror}).", "Name a file of Markdown or text."
        ) from None
    except UnicodeDecodeError as error:
        raise NewsletterError(f"{path} is not UTF-8 (byte {error.start}).", "Save it as UTF-8.") from None
    if len(raw) > LARGEST:
        raise NewsletterError(f"{path} has {len(raw):,} bytes; {LARGEST:,} is the most.", "Shorten it.")
    first, _, rest = text.partition("\n")
    if subject is None and (heading := re.fullmatch(r"#\s+(.+?)\s*#*", first)):
        subject, text = heading[1], rest.strip()
    if not subject or not clean_header(subject):
        raise NewsletterError(f"{path} has no subject.", "Begin it with a line `# Subject`, or add --subject.")
    if not text:
        raise NewsletterError(f"{path} says nothing below its subject.", "Write the newsletter.")
    named = re.sub(r"[^a-z0-9]+", "-", (code or path.stem).lower()).strip("-")
    return NewsletterText(named, clean_header(subject), text)


def newsletter_page(newsletter: NewsletterText, language: Language) -> str:
    """Return the newsletter as the HTML that its readers get, with a link of nobody's in its foot."""
    data = {"newsletter": newsletter.code, "subject": newsletter.subject, "body": newsletter.body}
    shown = ClaimedMail(
        id=0,
        attempt=0,
        message_id="preview@example.org",
        address="reader@example.org",
        purpose="newsletter",
        template="newsletter",
        language=language,
        data=data,
        claim_expires_at=clock.now(),
    )
    letter = write_letter("newsletter", data, language)
    return render(letter, shown, language, "https://example.org/unsubscribe")[1]
