"""The way in: one object per Supabase project and key, one service per noun."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from mpp_supabase.config import Settings, load_settings
from mpp_supabase.errors import SessionEnded
from mpp_supabase.mail.outbox import Mails
from mpp_supabase.models import Caller
from mpp_supabase.services._service import parse_row
from mpp_supabase.services.audit import Audit
from mpp_supabase.services.awards import Awards
from mpp_supabase.services.classes import Classes
from mpp_supabase.services.client_files import ClientFiles
from mpp_supabase.services.client_reports import ClientReports
from mpp_supabase.services.clients import Clients
from mpp_supabase.services.conduct import Conduct
from mpp_supabase.services.contacts import Contacts
from mpp_supabase.services.editions import Editions
from mpp_supabase.services.leagues import Leagues
from mpp_supabase.services.maintenance import Maintenance
from mpp_supabase.services.names import Names
from mpp_supabase.services.partners import Partners
from mpp_supabase.services.people import People
from mpp_supabase.services.photos import Photos
from mpp_supabase.services.plans import Plans
from mpp_supabase.services.privacy import Privacy
from mpp_supabase.services.rankings import Rankings
from mpp_supabase.services.rules import Rules
from mpp_supabase.services.schools import Schools
from mpp_supabase.services.statistics import Statistics
from mpp_supabase.services.terms import Terms
from mpp_supabase.services.users import Users
from mpp_supabase.session import SessionKeeper, SessionStore
from mpp_supabase.transport import Transport


class MPP:
    """Ma Petite Planète on one Supabase project.

        with MPP.connect() as mpp:
            edition = mpp.editions.get("adult-2026-06")
            for line in mpp.rankings.page(edition.id, "league", limit=10).rows:
                print(line.rank, line.label, line.points)

    Nothing is sent before the first request. Close it, or use it as a context manager.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    def connect(cls, settings: Settings | None = None, *, role: str = "secret", operator: str = "") -> MPP:
        """Return a client that uses the `secret` key (the staff) or the `publishable` one (what everybody sees).

        Without `settings` they are looked for as load_settings does. `operator` is who stands behind the secret key,
        for the audit. Raises ConfigError when that key is not set: the other one is never used instead.
        """
        if role not in ("secret", "publishable"):
            raise ValueError("role is secret or publishable")
        return cls(Transport(settings if settings is not None else load_settings(), role, operator=operator))

    @classmethod
    def sign_in(cls, settings: Settings | None = None, store: SessionStore | None = None) -> MPP:
        """Return a client that comes in with the session of whoever has signed in at this machine (`mpp login`).

        It may do what its account may. Raises SessionEnded when nobody is signed in: no key is used instead.
        """
        settings = settings if settings is not None else load_settings()
        store = store or SessionStore()
        session = store.load(settings.url)
        if session is None:
            raise SessionEnded(f"Nobody is signed in on {settings.url}.", "Sign in with `mpp login`.")
        return cls(Transport(settings, "session", session=SessionKeeper(settings, store, session)))

    def __repr__(self) -> str:
        return f"MPP({self._transport.url!r}, {self._transport.role!r})"

    def __enter__(self) -> MPP:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    @property
    def url(self) -> str:
        """The address of the project."""
        return self._transport.url

    def who_am_i(self) -> Caller:
        """Return who the database takes the sender of the requests for, and what their session lacks."""
        return parse_row(Caller, self._transport.read("who_am_i"))

    def read_clock(self) -> datetime:
        """Return the time by the database's clock, which decides what is open and what is over."""
        return self.editions.read_clock()

    @cached_property
    def editions(self) -> Editions:
        """Editions: apply, open, close, freeze, statistics, verify."""
        return Editions(self._transport)

    @cached_property
    def rankings(self) -> Rankings:
        """Rankings of players, teams, leagues, classes and schools."""
        return Rankings(self._transport)

    @cached_property
    def leagues(self) -> Leagues:
        """Leagues and their members."""
        return Leagues(self._transport)

    @cached_property
    def schools(self) -> Schools:
        """Schools and their directory."""
        return Schools(self._transport)

    @cached_property
    def classes(self) -> Classes:
        """Classes, their pupils, validations, spreadsheets and diplomas."""
        return Classes(self._transport)

    @cached_property
    def users(self) -> Users:
        """Accounts of Supabase Auth."""
        return Users(self._transport)

    @cached_property
    def maintenance(self) -> Maintenance:
        """Maintenance windows."""
        return Maintenance(self._transport)

    @cached_property
    def conduct(self) -> Conduct:
        """Reports, expulsions and suspicious patterns."""
        return Conduct(self._transport)

    @cached_property
    def people(self) -> People:
        """People, from what the staff were told, and back."""
        return People(self._transport)

    @cached_property
    def names(self) -> Names:
        """Names that must go."""
        return Names(self._transport)

    @cached_property
    def mails(self) -> Mails:
        """Mails: the outbox, newsletters, bounces."""
        return Mails(self._transport)

    @cached_property
    def audit(self) -> Audit:
        """The trace of privileged acts."""
        return Audit(self._transport)

    @cached_property
    def plans(self) -> Plans:
        """Retroplannings of clients, and their calendars."""
        return Plans(self._transport)

    @cached_property
    def awards(self) -> Awards:
        """Awards by rule, once an edition is frozen."""
        return Awards(self._transport)

    @cached_property
    def contacts(self) -> Contacts:
        """Contact, quote and webinar requests."""
        return Contacts(self._transport)

    @cached_property
    def privacy(self) -> Privacy:
        """How long what is personal is kept."""
        return Privacy(self._transport)

    @cached_property
    def terms(self) -> Terms:
        """Terms of use: publish, announce."""
        return Terms(self._transport)

    @cached_property
    def partners(self) -> Partners:
        """Campaigns with partners: codes, lists, withdrawals, figures."""
        return Partners(self._transport)

    @cached_property
    def photos(self) -> Photos:
        """Pictures and photos that people upload."""
        return Photos(self._transport)

    @cached_property
    def rules(self) -> Rules:
        """Settings of the whole game."""
        return Rules(self._transport)

    @cached_property
    def statistics(self) -> Statistics:
        """Totals over all editions, and the map of players."""
        return Statistics(self._transport)

    @cached_property
    def clients(self) -> Clients:
        """Clients: organisations, their leagues, people invited, staff."""
        return Clients(self._transport)

    @cached_property
    def files(self) -> ClientFiles:
        """The communication kits of clients."""
        return ClientFiles(self._transport)

    @cached_property
    def reports(self) -> ClientReports:
        """What clients follow, and their weekly and final reports."""
        return ClientReports(self._transport)
