"""What services return: frozen, typed, one model per row of the contract (schema `api`). Times are aware, in UTC."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from mpp_supabase.school_directory import DirectoryProblem

if TYPE_CHECKING:
    from mpp_supabase.reports.figures import TerritorySums


class Scope(StrEnum):
    """What a ranking ranks."""

    PLAYER = "player"
    TEAM = "team"
    LEAGUE = "league"
    CLASS = "class"
    SCHOOL = "school"


class Model(BaseModel):
    """Base of the rows. Columns this version does not know are ignored, so that the contract may grow."""

    model_config = ConfigDict(frozen=True, extra="ignore")


RowModel = TypeVar("RowModel", bound=Model)

#: Exact here, and a number in JSON, as the API has it.
Average = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]


class Page(Model, Generic[RowModel]):
    """Some rows of a list, and the cursor (`after`) that asks for the next ones; None at the end."""

    rows: tuple[RowModel, ...]
    after: str | None


class Edition(Model):
    """An edition with its phase now: draft, registration, running, closed or frozen (A1, A2). T: editions."""

    id: int
    code: str
    audience: str
    title: dict[str, str]
    phase: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime
    registration_closes_at: datetime
    ranking_basis: str
    league_min_players: int
    league_max_players: int
    teams_per_league: int
    is_private: bool
    opened_at: datetime | None
    frozen_at: datetime | None


class Challenge(Model):
    """A challenge in an edition; `points_now` counts a boost that is on (A4)."""

    id: int
    edition_id: int
    code: str
    kind: str
    theme: str
    title: dict[str, str]
    points: int
    points_now: int
    boost_factor: int | None
    opens_at: datetime | None
    closes_at: datetime | None
    repeat_limit: int | None
    quorum: int | None
    needs_proof: bool
    levels: tuple[str, ...] | None
    curriculum: tuple[str, ...]


class Standing(Model):
    """A line of a ranking (C1): equal values share a rank. `value` is what is compared, points or an average × 100.

    Only players and teams have a `league_label`; players count as one player with their own points.
    """

    rank: int
    subject_id: UUID
    label: str
    league_label: str | None = None
    points: int
    players: int = 1
    points_per_player: float | None = None
    value: int
    tie_order: int


class ClassStanding(Standing):
    """A class in its ranking: `rank` among all of the edition, `level_rank` within its level; `players` are pupils."""

    level_rank: int
    level: str
    school_id: UUID
    school_label: str | None
    city: str | None
    country: str | None


class SchoolStanding(Standing):
    """A school in its ranking: the sum of its listed classes, of one `level` or (None) of all."""

    level: str | None
    city: str
    country: str
    classes: int


class Neighbour(Standing):
    """A line around a subject (C3); `is_me` marks the subject itself."""

    is_me: bool


class EditionStatistics(Model):
    """Counts of an edition (C7): who is listed, and their points. Who opted out is in no count.

    In a school edition `players` are the pupils of its listed classes. `challenges` are the validations that count, as
    they were last counted (`counted_at`): at the freeze, or before it when the staff asked; None until then.
    """

    edition_id: int
    code: str
    players: int
    teams: int
    leagues: int
    points: int
    classes: int
    schools: int
    challenges: int | None
    counted_at: datetime | None


class Mismatch(Model):
    """A score that is not what the validations say (C8); the scope and subject are empty for a broken seal."""

    edition_code: str
    scope: str | None
    subject_id: UUID | None
    fault: str
    expected: int | None
    found: int | None


class League(Model):
    """A league as the staff see it (B2). `is_short` says that it has fewer players than the edition asks for."""

    league_id: UUID
    edition_id: int
    edition_code: str
    name: str
    category: str
    is_open: bool
    listed: bool
    join_code: str | None
    points: int
    players: int
    is_short: bool
    ambassador_player_id: UUID | None
    created_at: datetime


class LeagueTeam(Model):
    """A team of a league or a class, with its points."""

    team_id: UUID
    league_id: UUID
    name: str
    players: int
    points: int


class LeagueMember(Model):
    """A player as their league sees them (B6), with the points earned there."""

    league_id: UUID
    player_id: UUID
    team_id: UUID | None
    alias: str
    first_name: str
    points: int
    validations: int
    is_ambassador: bool
    joined_at: datetime


class Misuse(Model):
    """Who validated faster than people play (B8): a player, by pattern `burst` (one minute) or `daily rate` (one day).

    Or a whole class, without a player, by pattern `class rate` (per pupil and day of the edition). Or who fills logs
    in a day: `taken back`, `consents`, and `hand-overs` of a league, without a player; `validations` is their number.
    """

    edition_id: int
    subject_id: UUID
    player_id: UUID | None
    alias: str | None
    league_id: UUID
    pattern: str
    validations: int
    points: int
    first_at: datetime
    last_at: datetime


class Change(Model):
    """One difference between an edition file and the database: action `add`, `change` or `remove`, where, and what."""

    action: str
    path: str
    before: Any = None
    after: Any = None


class MaintenanceWindow(Model):
    """An announced interruption (A8): inside it players cannot write."""

    id: int
    starts_at: datetime
    ends_at: datetime
    message: dict[str, str]
    announced_at: datetime
    is_active: bool


class AuditEntry(Model):
    """A privileged act (F8): who, when, what, on what."""

    id: int
    at: datetime
    actor_id: UUID | None
    actor_role: str
    action: str
    subject: str | None
    details: dict[str, Any]


class ConductReport(Model):
    """An expulsion or a report about a player (B5), and how it was resolved."""

    id: int
    kind: str
    edition_id: int
    league_id: UUID
    player_id: UUID
    account_id: UUID | None
    reported_by: UUID | None
    reason: str
    reported_at: datetime
    resolved_at: datetime | None
    resolution: str | None


class Account(Model):
    """An account of Supabase Auth. `disabled_until` is set when it may not sign in."""

    id: UUID
    email: str | None
    created_at: datetime
    confirmed_at: datetime | None
    last_sign_in_at: datetime | None
    disabled_until: datetime | None
    is_anonymous: bool


class School(Model):
    """A school (D1). `levels` are of maternelle, elementaire, college, lycee; only schools abroad have no RNE."""

    school_id: UUID
    rne: str | None
    name: str
    levels: tuple[str, ...]
    country: str
    postcode: str
    city: str


class SchoolClass(Model):
    """A class as the staff see it (D2): a league of a school. Without a `class_code` no family can enter."""

    class_id: UUID
    edition_id: int
    edition_code: str
    name: str
    level: str
    school_id: UUID
    rne: str | None
    school_label: str
    postcode: str
    city: str
    country: str
    listed: bool
    class_code: str | None
    points: int
    pupils: int
    teams: int
    families: int
    has_chosen: bool
    created_at: datetime


class Teacher(Model):
    """A teacher of a class, the principal one or a colleague."""

    teacher_id: UUID
    first_name: str
    last_name: str
    is_principal: bool


class Pupil(Model):
    """A pupil of a class (D2), with the points earned there; `name` is the first name, with its initial if needed."""

    class_id: UUID = Field(validation_alias="league_id")
    pupil_id: UUID = Field(validation_alias="player_id")
    team_id: UUID | None
    first_name: str
    initial: str | None
    name: str
    points: int
    validations: int
    joined_at: datetime


class NamedPupil(Model):
    """A pupil who was added or corrected; without an id when it was a dry run."""

    pupil_id: UUID | None
    first_name: str
    initial: str | None
    name: str
    team_id: UUID | None


class ClassChallenge(Model):
    """A challenge of the level of a class (D4): whether the class plays it, and what it earned with it."""

    class_id: UUID
    challenge_id: int
    code: str
    kind: str
    theme: str
    title: dict[str, str]
    points: int
    boost_factor: int | None
    opens_at: datetime | None
    closes_at: datetime | None
    repeat_limit: int | None
    quorum: int | None
    needs_proof: bool
    curriculum: tuple[str, ...]
    is_in_play: bool
    pupils_credited: int
    points_earned: int


class ClassValidation(Model):
    """A validation in a class (D3): state pending, credited or cancelled."""

    validation_id: UUID
    class_id: UUID = Field(validation_alias="league_id")
    team_id: UUID | None
    pupil_id: UUID = Field(validation_alias="player_id")
    name: str | None
    challenge_id: int
    challenge_code: str
    points: int
    state: str
    proof_sent: bool
    validated_at: datetime


class PupilValidation(Model):
    """What a validation or cancellation left for one pupil; without an id for a pupil who was at the limit."""

    pupil_id: UUID
    validation_id: UUID | None
    state: str | None
    points: int | None


class DirectoryImport(Model):
    """What loading a directory of schools did (D1). `left_out` counts rows that are no schools of the game, by reason.

    `problems` names the first bad rows, `problem_count` counts all of them; `schools` are the good ones.
    """

    schools: int
    added: int
    changed: int
    unchanged: int
    left_out: dict[str, int]
    problem_count: int
    problems: tuple[DirectoryProblem, ...]
    dry_run: bool


class RosterImport(Model):
    """What importing a roster did (D6). `absent` are pupils of the class whom the file does not name: they stay.

    `read_as` are initials that the class could not confirm: the cell, what it says and who was meant ("B7", "Lina B.",
    "Lina").
    """

    file: str
    sheet: str
    added: tuple[NamedPupil, ...]
    corrected: tuple[NamedPupil, ...]
    unchanged: int
    absent: tuple[str, ...]
    dry_run: bool
    read_as: tuple[tuple[str, str, str], ...] = ()


class TrackingImport(Model):
    """What importing a tracking sheet did (D6): validations recorded, and those that were there already.

    `read_as` as in RosterImport.
    """

    file: str
    sheet: str
    pupils: int
    challenges: int
    recorded: int
    already: int
    dry_run: bool
    read_as: tuple[tuple[str, str, str], ...] = ()


class Organisation(Model):
    """A client of the association (E1); `kind` is company, local_authority, public_administration and so on."""

    organisation_id: int
    code: str
    name: str
    kind: str
    language: str
    created_at: datetime


class Participation(Model):
    """The part of a client in an edition (E2)."""

    participation_id: int
    organisation_id: int
    organisation_code: str
    organisation_name: str
    edition_id: int
    edition_code: str
    edition_title: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    frozen_at: datetime | None
    expected_players: int | None
    asks_phone: bool
    carries_name: bool


class Territory(Model):
    """What an authority follows (E3): `kind` is commune (INSEE code), postcode, department or rne (a school)."""

    organisation_id: int
    kind: str
    code: str


class TerritoryMatch(Model):
    """A code that an authority follows, and how many schools have it.

    Of a postcode, `communes` are the INSEE codes of its towns, and `missed` the schools there that have a postcode of
    their own (CEDEX) and that the authority does not follow.
    """

    kind: str
    code: str
    schools: int
    communes: list[str]
    missed: list[str]


class JoinCode(Model):
    """A league of a client with the code that opens it."""

    league_id: UUID
    name: str
    unit: str | None
    listed: bool | None
    join_code: str | None


class MadeLeague(Model):
    """A league of a client after making it; a new one of a dry run has no id and no code yet.

    `unit_before` is the unit it was under, where the list put it under another one.
    """

    league_id: UUID | None
    name: str
    unit: str | None
    join_code: str | None
    is_new: bool
    unit_before: str | None = None
    is_corrected: bool = False


class LeaguesImport(Model):
    """What making the leagues of a list did, or would do; `ignored` are headers of columns that were not read."""

    leagues: tuple[MadeLeague, ...]
    ignored: tuple[str, ...]
    dry_run: bool


class Participant(Model):
    """Somebody whom a client invited (E7); whether they came is not told."""

    email: str
    league: str
    league_id: UUID
    invited_at: datetime


class InvitedParticipant(Participant):
    """The same with the state of the mail that invites them, for the association.

    None: there is no such mail any more. `mail_reply` is the server's last word, or why the mail was dropped.
    """

    mail_state: str | None
    mail_reply: str | None


class KeptGuest(Model):
    """Somebody invited before to `league`, whom the list names for another one (`named`): they stay where they are."""

    email: str
    cell: str
    league: str
    named: str


class ParticipantsImport(Model):
    """What inviting the people of a list did, or would do; `kept` are those the list names for another league.

    `ignored` are headers of columns that were not read, `repeated` cells that say again what another said.
    """

    file: str
    sheet: str
    invited: int
    unchanged: int
    kept: tuple[KeptGuest, ...]
    ignored: tuple[str, ...]
    repeated: tuple[str, ...]
    dry_run: bool


class StaffMember(Model):
    """Somebody who works for a client, from when to when; `role` is viewer, manager or owner (E1)."""

    account_id: UUID
    email: str | None
    role: str
    access_from: datetime
    access_until: datetime


class ClientFile(Model):
    """A file of a client's communication kit: its name, bytes, MIME type and last change (E7)."""

    name: str
    size: int
    type: str
    updated_at: datetime


class StaffInvitation(Model):
    """An invitation to work in a client's space."""

    invitation_id: int
    email: str
    role: str
    access_from: datetime
    access_until: datetime
    invited_at: datetime
    expires_at: datetime
    accepted_at: datetime | None


class ClientAmbassador(Model):
    """Who runs a league of a client, by alias."""

    league_id: UUID
    league: str
    unit: str | None
    alias: str | None
    is_principal: bool


class ClientOverview(Model):
    """A client in an edition (E5): sums since the start, active players of the week, changes since the week before.

    A number of people under five is None.
    """

    participation_id: int
    organisation_id: int
    week: int | None
    week_first: date | None
    week_last: date | None
    expected_players: int | None
    players: int | None
    players_change: int | None
    active_players: int | None
    active_players_change: int | None
    active_players_ever: int | None
    leagues: int
    leagues_change: int | None
    validations: int | None
    validations_change: int | None
    points: int | None
    points_change: int | None
    points_per_player: Average | None
    points_per_player_change: Average | None


class ClientLeague(Model):
    """A league among those of its client; `push` says why it needs one.

    Of a league with fewer than five players, and of the next one where it could be told from the whole, only what is
    public is known: rank, points and value, and in a private edition nothing.
    """

    league_id: UUID
    name: str
    unit: str | None
    rank: int | None
    players: int | None
    active_players: int | None
    active_players_ever: int | None
    validations: int | None
    points: int | None
    points_per_player: Average | None
    value: int | None
    points_this_week: int | None
    points_last_week: int | None
    last_validated_at: datetime | None
    has_ambassador: bool | None
    push: tuple[str, ...]


class ClientUnit(Model):
    """A unit among those of its client: the sum of what its leagues show."""

    subject_id: str
    label: str
    rank: int
    leagues: int
    players: int | None
    points: int
    points_per_player: Average | None
    value: int


class ClientWeek(Model):
    """A week of a client, and the change since the week before."""

    week: int
    first_day: date
    last_day: date
    new_players: int | None
    active_players: int | None
    validations: int | None
    points: int | None
    validations_change: int | None
    points_change: int | None


class ClientDay(Model):
    """A day of a client; days without a validation have none."""

    day: date
    validations: int
    points: int


class ClientTheme(Model):
    """What a client did for a theme of its edition."""

    theme: str
    name: dict[str, str]
    validations: int
    points: int


class ClientDepartment(Model):
    """Listed players of a client in a French department; None for fewer than five."""

    department: str | None
    players: int | None


class TerritoryClass(Model):
    """A listed class of an authority's territory (E3); no pupil is named."""

    class_id: UUID
    name: str = Field(validation_alias="class_name")
    level: str | None
    school_id: UUID
    school: str
    rne: str | None
    postcode: str
    city: str
    pupils: int | None
    points: int
    points_per_pupil: Average | None
    points_this_week: int | None
    rank: int
    general_rank: int | None
    value: int


class GeneralRank(Model):
    """One of a client's best leagues in the general ranking."""

    name: str
    rank: int
    points: int
    points_per_player: Average | None


class EditionTotals(Model):
    """Sums over everybody who is listed in an edition."""

    players: int | None
    leagues: int
    points: int | None


class FollowedEdition(Model):
    """The edition of a follow-up."""

    code: str
    title: dict[str, str]
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    frozen_at: datetime | None
    audience: str


class FollowedOrganisation(Model):
    """The client of a follow-up."""

    code: str
    name: str
    kind: str
    language: str


class FollowUp(Model):
    """Everything a client follows, as it was at one moment (E5): the figures of its views and of its reports."""

    as_of: datetime
    organisation: FollowedOrganisation
    edition: FollowedEdition
    overview: ClientOverview
    weeks: tuple[ClientWeek, ...]
    days: tuple[ClientDay, ...]
    leagues: tuple[ClientLeague, ...]
    units: tuple[ClientUnit, ...]
    themes: tuple[ClientTheme, ...]
    departments: tuple[ClientDepartment, ...] = Field(validation_alias="map")
    territory: tuple[TerritoryClass, ...]
    general: tuple[GeneralRank, ...]
    edition_totals: EditionTotals
    edition_compared: EditionTotals

    @property
    def follows_only(self) -> bool:
        """Whether the client follows the classes of its territory, and has no league: that is so in school editions."""
        return self.edition.audience == "school" and not self.overview.leagues

    @property
    def territory_sums(self) -> TerritorySums:
        """The classes of the territory together; pupils are those of classes of five or more."""
        from mpp_supabase.reports.figures import sums_of

        return sums_of(self.territory)

    @property
    def week_is_over(self) -> bool:
        """Whether the week is in its last evening or past it, and may be compared with a whole one."""
        from mpp_supabase.reports.figures import is_over

        last = self.overview.week_last
        return last is not None and is_over(last, self.as_of, self.edition.time_zone)


class WeeklyReader(Model):
    """Who gets a weekly mail: staff of the client, or with a league its ambassador."""

    account_id: UUID
    league_id: UUID | None
    language: str
