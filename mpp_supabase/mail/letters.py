"""The mails by template: what each needs to know, and what it then says. How it looks is in templates/."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from mpp_supabase.config import is_near
from mpp_supabase.errors import MPPError
from mpp_supabase.mail.wording import WORDING, Language, Wording, change, day, last_day, number


class LetterError(MPPError):
    """A mail cannot be written: its template is not known, or its data do not fit it."""

    code = "letter"


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table of figures, written in the language of the mail."""

    label: str
    value: str
    change: str


@dataclass(frozen=True, slots=True)
class Section:
    """A list under a title."""

    title: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail before it is laid out: plain texts only, except `markdown`, the body that the staff wrote."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...] = ()
    code_line: str = ""
    code: str = ""
    figures: tuple[Figure, ...] = ()
    sections: tuple[Section, ...] = ()
    button: str = ""
    link: str = ""
    markdown: str = field(default="", repr=False)
    why: str = ""
    """Why the reader gets it, where its purpose alone does not say that."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where mails lead that name no address of their own: the app of players, the space of clients, guardians' page."""

    app: str = ""
    client_space: str = ""
    guardian: str = ""


def _web_link(value: str) -> str:
    parts = urlsplit(value)
    if (
        not (parts.scheme == "https" or (parts.scheme == "http" and is_near(parts.hostname or "")))
        or not parts.hostname
    ):
        raise ValueError("a link begins with https://")
    return value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("there is no such time zone") from None
    return name


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{4,80}$")]

Token = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

Zone = Annotated[str, AfterValidator(_zone)]
Link = Annotated[str, StringConstraints(max_length=500), AfterValidator(_web_link)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StaffInvitation(_Data):
    """`staff_invitation`: a client's staff member gets the code that opens their access.

    `access_until` and `expires_at` are the first moments after.
    """

    organisation: Line
    role: Line
    code: Code
    access_from: AwareDatetime
    access_until: AwareDatetime
    expires_at: AwareDatetime
    link: Link | None = None


class PlayerInvitation(_Data):
    """`player_invitation`: a participant gets the join code of a league. `ends_at` is the first moment after."""

    league: Line
    join_code: Code
    edition: Line
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    # Mails that were queued before it was part of them have none.
    time_zone: Zone = "Europe/Paris"
    organisation: Line | None = None
    link: Link | None = None


class Count(_Data):
    """A figure and its change in the week; `name` is a key of Wording.figures, or a label to show as it is."""

    name: Line
    value: float
    change: float | None = None


class WeeklyReport(_Data):
    """`weekly_report`: a client's week for its staff, from the beginning of its first to that of its last day."""

    organisation: Line
    edition: Line
    from_day: AwareDatetime
    until_day: AwareDatetime
    time_zone: Zone = "Europe/Paris"
    figures: tuple[Count, ...]
    needs_attention: tuple[Line, ...] = ()
    advice: tuple[Line, ...] = ()
    link: Link | None = None


class AmbassadorNote(_Data):
    """`ambassador_note`: a league's week for its ambassadors who agreed to alerts."""

    league: Line
    edition: Line
    rank: int | None = None
    figures: tuple[Count, ...]
    advice: tuple[Line, ...] = ()
    link: Link | None = None


class LeagueNote(_Data):
    """`league_note`: a league's week for its players who agreed to alerts, and a class's for its teachers."""

    league: Line
    edition: Line
    is_class: bool = False
    rank: int | None = None
    own_points: int | None = None
    own_change: int | None = None
    figures: tuple[Count, ...]
    link: Link | None = None


class TermsNotice(_Data):
    """`terms_notice`: a version of the terms of use that will hold, or holds, to those who have not accepted it."""

    version: Line
    effective_at: AwareDatetime
    link: Link | None = None


class GuardianRequest(_Data):
    """`guardian_request`: a guardian is asked whether a child may appear in public, until `expires_at`."""

    first_name: Line
    token: Token
    expires_at: AwareDatetime


class ErasureAsked(_Data):
    """`erasure_asked`: the account will be erased at `erases_at`, as its owner asked."""

    erases_at: AwareDatetime


class AccountErased(_Data):
    """`account_erased`: the account is gone; to the address that it had."""


class ClientWithoutOwner(_Data):
    """`client_without_owner`: the staff learn that the last owner of a client has erased the account."""

    client: Line
    name: Line


class NameChanged(_Data):
    """`name_changed`: the staff took a name away; `name` is the new one, none for a school that left the lists.

    `league` is that of a team.
    """

    kind: Literal["alias", "league", "team", "class", "school"]
    reason: Line
    name: Line | None = None
    league: Line | None = None


class Expulsion(_Data):
    """`expulsion`: the staff learn who was expelled from where, by whom (the staff, without `by`) and why.

    Only `report` waits in the queue: the database adds the rest when the mail leaves.
    """

    report: int
    player: Line
    league: Line
    edition: Line
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    by: Line | None = None


class Newsletter(_Data):
    """`newsletter`: a text of the association's staff, in Markdown."""

    newsletter: Line
    subject: Line
    body: str


def _staff_invitation(data: StaffInvitation, words: Wording, language: Language, links: Links) -> Letter:
    role = words.roles.get(data.role, data.role)
    return Letter(
        subject=words.staff_subject.format(organisation=data.organisation),
        heading=words.staff_heading,
        paragraphs=(
            words.staff_invited.format(organisation=data.organisation, role=role),
            words.staff_dates.format(
                access_from=day(data.access_from, language),
                access_until=last_day(data.access_until, language),
                expires_at=last_day(data.expires_at, language),
            ),
        ),
        code_line=words.staff_code,
        code=data.code,
        button=words.staff_button,
        link=data.link or links.client_space,
    )


def _player_invitation(data: PlayerInvitation, words: Wording, language: Language, links: Links) -> Letter:
    invited = words.player_invited_by if data.organisation else words.player_invited
    zone = ZoneInfo(data.time_zone)
    return Letter(
        subject=words.player_subject.format(league=data.league),
        heading=words.player_heading,
        paragraphs=(
            invited.format(organisation=data.organisation, league=data.league),
            words.player_dates.format(
                edition=data.edition,
                starts_at=day(data.starts_at, language, zone),
                ends_at=last_day(data.ends_at, language, zone),
            ),
        ),
        code_line=words.player_code,
        code=data.join_code,
        button=words.player_button,
        # The code of a league is for whoever got it, and the app may fill it in; that of a staff member is theirs alone
        # and stays out of addresses, which end in histories and logs.
        link=data.link or (f"{links.app}?code={data.join_code}" if links.app else ""),
    )


def _weekly_report(data: WeeklyReport, words: Wording, language: Language, links: Links) -> Letter:
    zone = ZoneInfo(data.time_zone)
    sections = (Section(words.report_attention, data.needs_attention), Section(words.report_advice, data.advice))
    return Letter(
        subject=words.report_subject.format(organisation=data.organisation),
        heading=words.report_heading.format(organisation=data.organisation),
        paragraphs=(
            words.report_period.format(
                edition=data.edition,
                from_day=day(data.from_day, language, zone),
                until_day=day(data.until_day, language, zone),
            ),
        ),
        figures=_figures(data.figures, words, language),
        sections=tuple(section for section in sections if section.items),
        button=words.report_button if data.link else words.staff_button,
        link=data.link or links.client_space,
    )


def _ambassador_note(data: AmbassadorNote, words: Wording, language: Language, links: Links) -> Letter:
    rank = (words.note_rank.format(rank=data.rank, edition=data.edition),) if data.rank else ()
    return Letter(
        subject=words.note_subject.format(league=data.league),
        heading=words.note_heading.format(league=data.league),
        paragraphs=rank,
        figures=_figures(data.figures, words, language),
        sections=(Section(words.report_advice, data.advice),) if data.advice else (),
        button=words.note_button if data.link else words.app_button,
        link=data.link or links.app,
    )


def _league_note(data: LeagueNote, words: Wording, language: Language, links: Links) -> Letter:
    paragraphs = []
    if data.rank is not None:
        place = words.note_class_rank if data.is_class else words.note_rank
        paragraphs.append(place.format(rank=number(data.rank, language), edition=data.edition))
    if data.own_points is not None:
        own = words.note_own if data.own_points else words.note_own_none
        paragraphs.append(
            own.format(points=number(data.own_points, language), week=number(data.own_change or 0, language))
        )
    return Letter(
        subject=(words.note_class_subject if data.is_class else words.note_subject).format(league=data.league),
        heading=words.note_heading.format(league=data.league),
        paragraphs=tuple(paragraphs),
        figures=_figures(data.figures, words, language),
        button=(words.note_class_button if data.is_class else words.note_button) if data.link else words.app_button,
        link=data.link or links.app,
    )


def _terms_notice(data: TermsNotice, words: Wording, language: Language, links: Links) -> Letter:
    return Letter(
        subject=words.terms_subject,
        heading=words.terms_heading,
        paragraphs=(
            words.terms_text.format(version=data.version, effective_at=day(data.effective_at, language)),
            words.terms_choice,
        ),
        button=words.terms_button if data.link else words.app_button,
        link=data.link or links.app,
        why=words.why_account,
    )


def _guardian_request(data: GuardianRequest, words: Wording, language: Language, links: Links) -> Letter:
    return Letter(
        subject=words.guardian_subject.format(first_name=data.first_name),
        heading=words.guardian_heading,
        paragraphs=(
            words.guardian_text.format(first_name=data.first_name),
            words.guardian_meaning,
            words.guardian_dates.format(expires_at=last_day(data.expires_at, language)),
        ),
        button=words.guardian_button,
        link=f"{links.guardian}?token={data.token}",
        why=words.why_guardian,
    )


def _erasure_asked(data: ErasureAsked, words: Wording, language: Language, links: Links) -> Letter:
    return Letter(
        subject=words.erasure_asked_subject,
        heading=words.erasure_asked_heading,
        paragraphs=(
            words.erasure_asked_text.format(erases_at=day(data.erases_at, language)),
            words.erasure_asked_choice,
            words.erasure_not_you,
        ),
        button=words.app_button,
        link=links.app,
        why=words.why_account,
    )


def _account_erased(data: AccountErased, words: Wording, language: Language, links: Links) -> Letter:
    return Letter(
        subject=words.account_erased_subject,
        heading=words.account_erased_heading,
        paragraphs=(words.account_erased_text, words.account_erased_stays, words.account_erased_not_you),
        why=words.why_erased,
    )


def _client_without_owner(data: ClientWithoutOwner, words: Wording, language: Language, links: Links) -> Letter:
    return Letter(
        subject=words.ownerless_subject.format(name=data.name),
        heading=words.ownerless_heading,
        paragraphs=(
            words.ownerless_text.format(name=data.name, client=data.client),
            words.ownerless_next.format(client=data.client),
        ),
        why=words.why_staff,
    )


def _name_changed(data: NameChanged, words: Wording, language: Language, links: Links) -> Letter:
    if data.name is None:
        said, then = words.name_of_hidden_school, words.name_write
    else:
        said = words.names[data.kind].format(name=data.name, league=data.league)
        then = words.name_again if data.kind in ("alias", "team", "class") else words.name_write
    return Letter(
        subject=words.name_subject,
        heading=words.name_heading,
        paragraphs=(said, words.reason.format(reason=data.reason), then),
        button=words.app_button,
        link=links.app,
        why=words.why_account,
    )


def _expulsion(data: Expulsion, words: Wording, language: Language, links: Links) -> Letter:
    said = words.expulsion_by if data.by else words.expulsion_by_staff
    return Letter(
        subject=words.expulsion_subject.format(player=data.player, league=data.league),
        heading=words.expulsion_heading.format(league=data.league),
        paragraphs=(
            said.format(by=data.by, player=data.player, league=data.league, edition=data.edition),
            words.reason.format(reason=data.reason),
            words.expulsion_next.format(report=data.report, edition=data.edition),
        ),
        why=words.why_staff,
    )


def _newsletter(data: Newsletter, words: Wording, language: Language, links: Links) -> Letter:
    return Letter(subject=data.subject, heading=data.subject, markdown=data.body)


def _figures(counts: tuple[Count, ...], words: Wording, language: Language) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            words.figures.get(count.name, count.name),
            number(count.value, language),
            "" if count.change is None else change(count.change, language),
        )
        for count in counts
    )


_Writer = Callable[[Any, Wording, Language, Links], Letter]

TEMPLATES: dict[str, tuple[type[_Data], _Writer]] = {
    "staff_invitation": (StaffInvitation, _staff_invitation),
    "player_invitation": (PlayerInvitation, _player_invitation),
    "weekly_report": (WeeklyReport, _weekly_report),
    "ambassador_note": (AmbassadorNote, _ambassador_note),
    "league_note": (LeagueNote, _league_note),
    "terms_notice": (TermsNotice, _terms_notice),
    "guardian_request": (GuardianRequest, _guardian_request),
    "erasure_asked": (ErasureAsked, _erasure_asked),
    "account_erased": (AccountErased, _account_erased),
    "client_without_owner": (ClientWithoutOwner, _client_without_owner),
    "name_changed": (NameChanged, _name_changed),
    "expulsion": (Expulsion, _expulsion),
    "newsletter": (Newsletter, _newsletter),
}
"""What each template needs, and what writes it."""


def write_letter(template: str, data: dict[str, Any], language: Language, links: Links | None = None) -> Letter:
    """Return the letter of a template, with a button where it or `links` say where to go.

    Raises LetterError, which names fields and repeats no value.
    """
    if template not in TEMPLATES:
        raise LetterError(f"There is no mail template {template}.", f"Use one of {', '.join(TEMPLATES)}.")
    needs, write = TEMPLATES[template]
    try:
        known = needs.model_validate(data)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, problem["loc"])) or "data" for problem in error.errors()}))
        raise LetterError(
            f"The data of a mail {template} do not fit: {fields}.", "Queue it again, corrected."
        ) from None
    return write(known, WORDING[language], language, links or Links())
