"""Clients: their part in an edition, their staff, and the people they invite."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from mpp_supabase.models.base import Model


class Organisation(Model):
    """A client of the association; `kind` is company, local_authority, public_administration and so on."""

    organisation_id: int
    code: str
    name: str
    kind: str
    language: str
    created_at: datetime


class Participation(Model):
    """The part of a client in an edition."""

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
    """What an authority follows: `kind` is commune (INSEE code), postcode, department or rne (a school)."""

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
    """What making the leagues of a list did, or would do; `ignored` are headers of columns that were not read.

    `sheet` is the one that was read, `other_sheets` those that were not.
    """

    leagues: tuple[MadeLeague, ...]
    ignored: tuple[str, ...]
    dry_run: bool
    sheet: str = ""
    other_sheets: tuple[str, ...] = ()


class Participant(Model):
    """Somebody whom a client invited; whether they came is not told."""

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

    `ignored` are headers of columns that were not read, `repeated` cells that say again what another said,
    `talk` lines of a chat without an address, and `other_sheets` were not read.
    """

    file: str
    sheet: str
    invited: int
    unchanged: int
    kept: tuple[KeptGuest, ...]
    ignored: tuple[str, ...]
    repeated: tuple[str, ...]
    talk: tuple[str, ...]
    other_sheets: tuple[str, ...]
    dry_run: bool


class StaffMember(Model):
    """Somebody who works for a client, from when to when; `role` is viewer, manager or owner."""

    account_id: UUID
    email: str | None
    role: str
    access_from: datetime
    access_until: datetime


class ClientFile(Model):
    """A file of a client's communication kit: its name, bytes, MIME type and last change."""

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


class WeeklyReader(Model):
    """Who gets a weekly mail: staff of the client, or with a league its ambassador."""

    account_id: UUID
    league_id: UUID | None
    language: str
