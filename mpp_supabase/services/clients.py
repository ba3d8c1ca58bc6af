"""Clients of the association: organisations, their part in an edition, leagues, people invited, staff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mpp_supabase.errors import ImportRefused, InvalidField, OrganisationUnknown, ParticipationUnknown
from mpp_supabase.models import (
    ClientAmbassador,
    InvitedParticipant,
    JoinCode,
    KeptGuest,
    LeaguesImport,
    MadeLeague,
    Model,
    Organisation,
    Participant,
    ParticipantsImport,
    Participation,
    StaffInvitation,
    StaffMember,
    Territory,
    TerritoryMatch,
)
from mpp_supabase.services._service import Service, Where, not_found, query

if TYPE_CHECKING:
    from mpp_supabase.sheets import Guests, LeagueList, SheetError

ORGANISATION_KINDS = (
    "company",
    "local_authority",
    "public_administration",
    "school_network",
    "university",
    "association",
)
ROLES = ("viewer", "manager", "owner")


class _InvitationMail(Model):
    id: int
    key: str
    state: str
    reply: str | None


class Clients(Service):
    """Clients. With the secret key all of them; what their own staff may do is in docs/api.md."""

    def iterate(self) -> Iterator[Organisation]:
        """Yield every organisation by code."""
        return self._iterate(Organisation, query(Organisation, "client_organisations", "code"))

    def get(self, code: str) -> Organisation:
        """Return an organisation. Raises OrganisationUnknown."""
        where: Where = (("code", "eq", code),)
        found = self._first(Organisation, query(Organisation, "client_organisations", "code", where))
        if found is None:
            raise OrganisationUnknown(f"There is no organisation {code}.", "List them with `mpp client list`.")
        return found

    def set(
        self, code: str, *, name: str | None = None, kind: str | None = None, language: str | None = None
    ) -> Organisation:
        """Make a client, or correct the one of this code (None leaves as it is). Raises InvalidField."""
        arguments = {"code": code, "name": name, "kind": kind, "language": language}
        self._transport.call("set_organisation", arguments, idempotent=True)
        return self.get(code)

    # Taking part

    def participations(
        self, *, organisation_id: int | None = None, edition_id: int | None = None
    ) -> Iterator[Participation]:
        """Yield the parts that clients take in editions, those of one client or of one edition."""
        where: Where = ()
        if organisation_id is not None:
            where += (("organisation_id", "eq", organisation_id),)
        if edition_id is not None:
            where += (("edition_id", "eq", edition_id),)
        return self._iterate(Participation, query(Participation, "client_participations", "participation_id", where))

    def participation(self, code: str, edition_code: str) -> Participation:
        """Return the part of an organisation in an edition. Raises OrganisationUnknown, ParticipationUnknown."""
        organisation = self.get(code)
        where: Where = (("organisation_id", "eq", organisation.organisation_id), ("edition_code", "eq", edition_code))
        found = self._first(Participation, query(Participation, "client_participations", "participation_id", where))
        if found is None:
            raise ParticipationUnknown(
                f"{organisation.name} does not take part in {edition_code}.",
                f"`mpp client show {code}` lists where it does, `mpp edition list` which editions there are.",
            )
        return found

    def take_part(
        self,
        organisation_id: int,
        edition_code: str,
        *,
        expected_players: int | None = None,
        asks_phone: bool | None = None,
        carries_name: bool | None = None,
    ) -> int:
        """Let a client take part in an edition, or change how (None leaves as it is); return the participation id.

        Raises EditionNotFound, OrganisationUnknown, InvalidField.
        """
        arguments = {
            "organisation_id": organisation_id,
            "edition_code": edition_code,
            "expected_players": expected_players,
            "asks_phone": asks_phone,
            "carries_name": carries_name,
        }
        return int(self._transport.call("set_participation", arguments, idempotent=True))

    def withdraw(self, participation_id: int) -> int:
        """Take a client out of an edition as long as nobody has joined; return how many empty leagues were closed.

        Its guests, their mails, its plan and its units without leagues go too. Raises ParticipationPlayed,
        EditionFrozen, ParticipationUnknown.
        """
        return int(self._transport.call("withdraw_participation", {"participation_id": participation_id}))

    def territory(self, organisation_id: int) -> list[Territory]:
        """Return the communes, postcodes, departments and schools (RNE) that an authority follows."""
        where: Where = (("organisation_id", "eq", organisation_id),)
        return list(self._iterate(Territory, query(Territory, "client_territories", "kind, code", where)))

    def set_territory(
        self,
        organisation_id: int,
        *,
        postcodes: Sequence[str] = (),
        departments: Sequence[str] = (),
        communes: Sequence[str] = (),
        schools: Sequence[str] = (),
        change: str = "replace",
    ) -> int:
        """Say what an authority follows, in place of what was there, or `change` (add, remove) it.

        Return how many codes there are.
        Raises InvalidField: a code that cannot be one, a kind of client that follows no schools.
        """
        codes = {
            "commune": list(communes),
            "postcode": list(postcodes),
            "department": list(departments),
            "rne": list(schools),
        }
        arguments = {"organisation_id": organisation_id, "codes": codes, "change": change}
        return int(self._transport.call("set_territory", arguments, idempotent=True))

    def territory_schools(self, organisation_id: int) -> list[TerritoryMatch]:
        """Return what an authority follows, and how many schools each code matches. Raises OrganisationUnknown."""
        arguments = {"organisation_id": organisation_id}
        return self._read_rows(TerritoryMatch, "territory_schools", arguments)

    # Leagues

    def create_leagues(
        self, participation_id: int, leagues: Sequence[dict[str, str]], *, dry_run: bool = False
    ) -> list[MadeLeague]:
        """Make leagues ({"name", "unit"}), all or none; those it has already stay, with their unit corrected.

        Whoever joins one first runs it. With `dry_run` nothing is made. Raises ImportRefused with every fault of every
        element (its `row` counts from 1); InvalidField, NameTaken, LeagueLimit, EditionNotOpen, RegistrationClosed,
        EditionFrozen, WrongAudience (a school edition), ParticipationUnknown.
        """
        arguments = {"participation_id": participation_id, "leagues": list(leagues), "dry_run": dry_run}
        return self._call_rows(MadeLeague, "create_client_leagues", arguments, idempotent=True)

    def join_codes(self, participation_id: int) -> list[JoinCode]:
        """Return every league of a client with its join code, those that opted out of the ranking too."""
        where: Where = (("participation_id", "eq", participation_id),)
        return list(self._iterate(JoinCode, query(JoinCode, "client_join_codes", "name, league_id", where)))

    def import_leagues(
        self,
        participation: Participation,
        path: str | Path | None = None,
        *,
        sheet: str | None = None,
        leagues: Sequence[dict[str, str]] = (),
        dry_run: bool = False,
    ) -> LeaguesImport:
        """Make the leagues of a spreadsheet (columns league and unit) and those given; the same again changes nothing.

        With `dry_run` nothing is made. Raises SheetError with every problem, by cell; else what create_leagues raises.
        """
        from mpp_supabase.sheets import read_leagues
        from mpp_supabase.sheets.guests import LONGEST_NAME, too_long

        carried = _carried(participation, "")
        read: LeagueList | None = read_leagues(path, sheet, carried) if path is not None else None
        for league in leagues:
            if len(whole := carried + league["name"]) > LONGEST_NAME:
                raise InvalidField(
                    f"{whole} is not valid as a league's name: {len(whole)} characters.", too_long(carried)
                )
        wanted = [*leagues, *(row.element for row in (read.leagues if read else ()))]
        known = {code.name.casefold(): code for code in self.join_codes(participation.participation_id)}
        made: list[MadeLeague] = []
        if wanted:
            try:
                made = self.create_leagues(participation.participation_id, wanted, dry_run=dry_run)
            except ImportRefused as refused:
                raise _in_the_list(refused, read, leagues) from None
        made = [_compared(league, known.get(league.name.casefold())) for league in made]
        if read is None:
            return LeaguesImport(leagues=tuple(made), ignored=(), dry_run=dry_run)
        return LeaguesImport(
            leagues=tuple(made),
            ignored=read.ignored,
            dry_run=dry_run,
            sheet=read.sheet,
            other_sheets=read.other_sheets,
        )

    def ambassadors(self, participation_id: int) -> list[ClientAmbassador]:
        """Return who runs the leagues of a client, by alias."""
        where: Where = (("participation_id", "eq", participation_id),)
        order = "league, league_id, is_principal desc, alias"
        return list(self._iterate(ClientAmbassador, query(ClientAmbassador, "client_ambassadors", order, where)))

    # People

    def participants(self, participation_id: int) -> Iterator[Participant]:
        """Yield who was invited to which league, by address; whether they came is not told."""
        where: Where = (("participation_id", "eq", participation_id),)
        return self._iterate(Participant, query(Participant, "client_participants", "email", where))

    def invited(self, participation_id: int) -> Iterator[InvitedParticipant]:
        """Yield the same with the state of the mail that invites each of them; for the association alone."""
        where: Where = (("key", "like", f"invitation:{participation_id}:*"),)
        mails: dict[str, _InvitationMail] = {}
        for mail in self._iterate(_InvitationMail, query(_InvitationMail, "ops_outbox", "id", where)):
            # invitation:PARTICIPATION:DIGEST, and a number when the address was invited anew: the latest one counts.
            mails[mail.key.split(":")[2]] = mail
        for person in self.participants(participation_id):
            found = mails.get(sha256(person.email.encode()).hexdigest())
            yield InvitedParticipant(
                **person.model_dump(),
                mail_state=found.state if found else None,
                mail_reply=found.reply if found else None,
            )

    def remove_participants(self, participation_id: int, emails: Sequence[str]) -> int:
        """Take people off the list of those invited, with the mail that has not left; return how many were on it."""
        arguments = {"participation_id": participation_id, "emails": list(emails)}
        return int(self._transport.call("remove_participants", arguments, idempotent=True))

    def import_participants(
        self, participation: Participation, path: str | Path, *, sheet: str | None = None, dry_run: bool = False
    ) -> ParticipantsImport:
        """Invite by mail the people of a spreadsheet (addresses, maybe leagues), all or none; once each.

        Without a league they are spread over the client's. Whoever was invited before stays in that league, and `kept`
        says who is named for another one now. Other columns are not read and not sent. Raises SheetError with every
        problem, by cell; EditionNotOpen, RegistrationClosed, InvalidField (more than twice those expected).
        """
        from mpp_supabase.sheets import read_guests

        names = [code.name for code in self.join_codes(participation.participation_id)]
        prefix = _carried(participation, "")
        guests: Guests = read_guests(path, sheet, [*names, *(name.removeprefix(prefix) for name in names)])
        before = {person.email: person.league for person in self.participants(participation.participation_id)}
        kept = [
            KeptGuest(email=guest.email, cell=guest.league_cell, league=league, named=guest.league)
            for guest in guests.guests
            if guest.league
            and (league := before.get(guest.email))
            and guest.league.casefold() not in (league.casefold(), league.removeprefix(prefix).casefold())
        ]
        arguments = {
            "participation_id": participation.participation_id,
            "participants": [guest.element for guest in guests.guests],
            "dry_run": dry_run,
        }
        outcome = self._transport.call("invite_participants", arguments, idempotent=True)
        return ParticipantsImport(
            file=guests.file,
            sheet=guests.sheet,
            invited=int(outcome["added"]),
            unchanged=int(outcome["unchanged"]),
            kept=tuple(kept),
            ignored=guests.ignored,
            repeated=guests.repeated,
            talk=guests.talk,
            other_sheets=guests.other_sheets,
            dry_run=dry_run,
        )

    # Staff of a client

    def invite(
        self,
        organisation_id: int,
        email: str,
        role: str = "viewer",
        *,
        access_from: datetime | None = None,
        access_until: datetime | None = None,
    ) -> int:
        """Invite somebody by mail to a client's space, from (now when None) and until; return the invitation id.

        A second invitation of an address replaces the first. Raises InvalidField, OrganisationUnknown.
        """
        arguments = {
            "organisation_id": organisation_id,
            "email": email,
            "role": role,
            "access_from": _at(access_from),
            "access_until": _at(access_until),
        }
        return int(self._transport.call("invite_staff", arguments))

    def staff(self, organisation_id: int) -> list[StaffMember]:
        """Return who works for a client, owners first. Raises OrganisationUnknown."""
        return self._read_rows(StaffMember, "client_staff", {"organisation_id": organisation_id})

    def invitations(self, organisation_id: int) -> Iterator[StaffInvitation]:
        """Yield the invitations of staff, the latest first; `accepted_at` is None while nobody took them."""
        where: Where = (("organisation_id", "eq", organisation_id),)
        order = "invited_at desc, invitation_id desc"
        return self._iterate(StaffInvitation, query(StaffInvitation, "client_invitations", order, where))

    def set_staff(
        self,
        organisation_id: int,
        account_id: UUID | str,
        *,
        role: str | None = None,
        access_from: datetime | None = None,
        access_until: datetime | None = None,
    ) -> None:
        """Change the role or the dates of somebody who works for a client; None leaves as it is.

        Raises NotAllowed (they do not work for it), OrganisationUnknown, InvalidField (an end that has passed or is not
        after the beginning: that is remove_staff).
        """
        arguments: dict[str, Any] = {
            "organisation_id": organisation_id,
            "account_id": str(account_id),
            "role": role,
            "access_from": _at(access_from),
            "access_until": _at(access_until),
        }
        self._transport.call("set_staff", arguments, idempotent=True)

    def remove_staff(self, organisation_id: int, account_id: UUID | str) -> None:
        """Take the access of somebody away, at once, with an invitation that would let them in again.

        Raises NotAllowed when they do not work for it.
        """
        with not_found(f"{account_id} does not work for this organisation.", "`mpp client staff list` shows who does."):
            arguments = {"organisation_id": organisation_id, "account_id": str(account_id)}
            self._transport.call("remove_staff", arguments)

    def cancel_invitation(self, organisation_id: int, invitation_id: int) -> None:
        """Take back an invitation of staff that waits, with its mail. Raises NotAllowed when there is none."""
        with not_found(f"No invitation {invitation_id} waits.", "`mpp client staff list --invited` shows them."):
            arguments = {"organisation_id": organisation_id, "invitation_id": invitation_id}
            self._transport.call("remove_staff", arguments)


def _compared(league: MadeLeague, before: JoinCode | None) -> MadeLeague:
    """A league of a list beside what there was of that name; a unit that the list leaves out stays."""
    if before is None:
        return league
    unit = league.unit or before.unit
    corrected = (unit or "").casefold() != (before.unit or "").casefold()
    return league.model_copy(
        update={
            "is_new": False,
            "unit": unit,
            "is_corrected": corrected,
            "unit_before": before.unit if corrected else None,
        }
    )


def _in_the_list(
    refused: ImportRefused, read: LeagueList | None, typed: Sequence[dict[str, str]]
) -> InvalidField | SheetError | ImportRefused:
    """The faults of a list as the cells they are about. Leagues that were typed come before those of the file."""
    from mpp_supabase.sheets import SheetError, SheetProblem
    from mpp_supabase.sheets.problems import as_fix

    found: list[SheetProblem] = []
    for fault in refused.faults:
        if fault.row is None or (what := _WRONG.get(fault.fault)) is None or len(fault.arguments) != 2:
            return refused
        reason, hint = fault.arguments
        if fault.row <= len(typed):
            value = typed[fault.row - 1].get(what, "")
            return InvalidField(f"{value} is not valid as a league's {what}: {reason}.", hint)
        if read is None:
            return refused
        row = read.leagues[fault.row - 1 - len(typed)]
        cell, value = (row.cell, row.name) if what == "name" else (row.unit_cell, row.unit or "")
        problem = f"the {what} is not valid: {reason}"
        found.append(SheetProblem(read.file, read.sheet, cell, value, problem, as_fix(hint)))
    return SheetError(read.file, found) if read is not None and found else refused


_WRONG = {"league_name_wrong": "name", "unit_wrong": "unit"}


def _carried(participation: Participation, name: str) -> str:
    """The name of a league as it is shown."""
    return f"{participation.organisation_name} · {name}" if participation.carries_name else name


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
