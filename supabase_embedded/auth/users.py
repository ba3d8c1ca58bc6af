"""Accounts and their identities in `auth.users` and `auth.identities`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from supabase_embedded.auth.errors import unprocessable

Row: TypeAlias = dict[str, Any]
Connection: TypeAlias = AsyncConnection[Row]

#: The most bytes of what an account says about itself. Anybody may write it, and it is in every token; the real server
#: takes as much as a request holds.
LARGEST_METADATA = 8_000

#: Every row of hosted Supabase belongs to this instance.
NIL = UUID(int=0)


@dataclass(slots=True)
class User:
    """An account as it was read; nothing here writes back by itself."""

    id: UUID
    aud: str
    role: str
    email: str
    phone: str
    encrypted_password: str
    email_confirmed_at: datetime | None
    phone_confirmed_at: datetime | None
    confirmed_at: datetime | None
    invited_at: datetime | None
    confirmation_sent_at: datetime | None
    recovery_sent_at: datetime | None
    email_change: str
    email_change_sent_at: datetime | None
    email_change_confirm_status: int
    reauthentication_sent_at: datetime | None
    last_sign_in_at: datetime | None
    raw_app_meta_data: dict[str, Any]
    raw_user_meta_data: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    banned_until: datetime | None
    deleted_at: datetime | None
    is_anonymous: bool
    identities: list[dict[str, Any]]
    factors: list[dict[str, Any]]

    @property
    def is_banned(self) -> bool:
        """Whether the account is disabled now."""
        return self.banned_until is not None and self.banned_until > datetime.now(UTC)

    @property
    def is_confirmed(self) -> bool:
        """Whether someone proved to read the account's mail."""
        return self.email_confirmed_at is not None

    @property
    def has_second_factor(self) -> bool:
        """Whether signing in may take a second step: a factor that its owner has proved to have."""
        return any(factor["status"] == "verified" for factor in self.factors)

    def as_json(self) -> dict[str, Any]:
        """The account as clients see it: no password, no codes, times in UTC, absent where there is none."""
        document: dict[str, Any] = {
            "id": str(self.id),
            "aud": self.aud,
            "role": self.role,
            "email": self.email,
            "phone": self.phone,
            "app_metadata": self.raw_app_meta_data,
            "user_metadata": self.raw_user_meta_data,
            "identities": self.identities,
            "created_at": timestamp(self.created_at),
            "updated_at": timestamp(self.updated_at),
            "is_anonymous": self.is_anonymous,
        }
        if self.factors:
            document["factors"] = self.factors
        if self.email_change:
            document["new_email"] = self.email_change
        for name in _OPTIONAL_TIMES:
            moment = getattr(self, name)
            if moment is not None:
                document[name] = timestamp(moment)
        return document


_OPTIONAL_TIMES = (
    "email_confirmed_at",
    "phone_confirmed_at",
    "confirmed_at",
    "invited_at",
    "confirmation_sent_at",
    "recovery_sent_at",
    "email_change_sent_at",
    "reauthentication_sent_at",
    "last_sign_in_at",
    "banned_until",
    "deleted_at",
)

# `users` is the alias of auth.users wherever these columns are read or returned.
_COLUMNS = sql.SQL("""
    users.id, coalesce(users.aud, '') as aud, coalesce(users.role, '') as role, coalesce(users.email, '') as email,
    coalesce(users.phone, '') as phone, coalesce(users.encrypted_password, '') as encrypted_password,
    users.email_confirmed_at, users.phone_confirmed_at, users.confirmed_at, users.invited_at,
    users.confirmation_sent_at, users.recovery_sent_at, coalesce(users.email_change, '') as email_change,
    users.email_change_sent_at, coalesce(users.email_change_confirm_status, 0) as email_change_confirm_status,
    users.reauthentication_sent_at, users.last_sign_in_at,
    coalesce(users.raw_app_meta_data, '{}') as raw_app_meta_data,
    coalesce(users.raw_user_meta_data, '{}') as raw_user_meta_data,
    coalesce(users.created_at, now()) as created_at, coalesce(users.updated_at, now()) as updated_at,
    users.banned_until, users.deleted_at, users.is_anonymous,
    coalesce((
        select jsonb_agg(jsonb_build_object(
            'identity_id', identity.id,
            'id', identity.provider_id,
            'user_id', identity.user_id,
            'identity_data', identity.identity_data,
            'provider', identity.provider,
            'last_sign_in_at', to_char(identity.last_sign_in_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'created_at', to_char(identity.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'updated_at', to_char(identity.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'email', coalesce(identity.email, '')
        ) order by identity.created_at)
        from auth.identities as identity
        where identity.user_id = users.id
    ), '[]') as identities,
    coalesce((
        select jsonb_agg(
            jsonb_build_object(
                'id', factor.id,
                'created_at', to_char(factor.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                'updated_at', to_char(factor.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                'status', factor.status,
                'factor_type', factor.factor_type,
                'phone', coalesce(factor.phone, ''),
                'last_challenged_at',
                to_char(factor.last_challenged_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            ) || case when factor.friendly_name <> '' then jsonb_build_object('friendly_name', factor.friendly_name)
                else '{}' end
            order by factor.created_at
        )
        from auth.mfa_factors as factor
        where factor.user_id = users.id
    ), '[]') as factors
""")


def timestamp(moment: datetime) -> str:
    """Write a moment as the real server does: RFC 3339 in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def find_by_email(connection: Connection, email: str, audience: str) -> User | None:
    """Find the account with this address, in any case of letters."""
    return await _fetch_user(
        connection,
        sql.SQL(
            "select {} from auth.users where users.instance_id = %s and lower(users.email) = lower(%s)"
            " and users.aud = %s and not users.is_sso_user"
        ).format(_COLUMNS),
        [NIL, email, audience],
    )


async def find_by_id(connection: Connection, user_id: UUID, *, lock: bool = False) -> User | None:
    """Find an account, with `lock` until the end of the transaction. Take this lock before any other of the account."""
    query = sql.SQL("select {} from auth.users where users.instance_id = %s and users.id = %s {}")
    locking = sql.SQL("for update of users" if lock else "")
    return await _fetch_user(connection, query.format(_COLUMNS, locking), [NIL, user_id])


async def email_taken(connection: Connection, email: str, except_user: UUID | None = None) -> bool:
    """Tell whether an account, or an identity of one, other than `except_user` has this address."""
    cursor = await connection.execute(
        "select 1 from auth.users where lower(email) = lower(%(email)s) and id is distinct from %(except)s"
        " union all"
        " select 1 from auth.identities where email = lower(%(email)s) and user_id is distinct from %(except)s limit 1",
        {"email": email, "except": except_user},
    )
    return await cursor.fetchone() is not None


def _require_small(columns: Mapping[str, Any]) -> None:
    data = columns.get("raw_user_meta_data")
    if data is not None and len(json.dumps(data, ensure_ascii=False).encode()) > LARGEST_METADATA:
        raise unprocessable("validation_failed", f"User metadata may have {LARGEST_METADATA} bytes at most")


async def create(connection: Connection, columns: Mapping[str, Any]) -> User:
    """Insert an account. `columns` needs aud and role; the rest has the values of a fresh account.

    Raises psycopg.errors.UniqueViolation when someone else took the address or id, Refusal (422) for too much metadata.
    """
    _require_small(columns)
    values: dict[str, Any] = {
        "instance_id": NIL,
        "id": uuid4(),
        "encrypted_password": "",
        "raw_app_meta_data": {},
        "raw_user_meta_data": {},
        "confirmation_token": "",
        "recovery_token": "",
        "email_change": "",
        "email_change_token_new": "",
        **columns,
    }
    values["email"] = values.get("email") or None
    now = datetime.now(UTC)
    values |= {"created_at": now, "updated_at": now}
    query = sql.SQL("insert into auth.users as users ({names}) values ({values}) returning {columns}").format(
        names=sql.SQL(", ").join(map(sql.Identifier, values)),
        values=sql.SQL(", ").join(sql.Placeholder() * len(values)),
        columns=_COLUMNS,
    )
    user = await _fetch_user(connection, query, [_adapted(value) for value in values.values()])
    assert user is not None
    return user


async def change(connection: Connection, user_id: UUID, columns: Mapping[str, Any]) -> User:
    """Update columns of an account and return it as it then is. Raises Refusal (422) for too much metadata."""
    _require_small(columns)
    values = dict(columns) | {"updated_at": datetime.now(UTC)}
    query = sql.SQL("update auth.users as users set {changes} where users.id = %s returning {columns}").format(
        changes=sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values),
        columns=_COLUMNS,
    )
    user = await _fetch_user(connection, query, [*(_adapted(value) for value in values.values()), user_id])
    if user is None:
        raise LookupError(f"account {user_id} is gone")
    return user


def merged(current: Mapping[str, Any], updates: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata after an update: given keys replace, null removes, the others stay."""
    return {key: value for key, value in (dict(current) | dict(updates)).items() if value is not None}


def email_identity_data(user_id: UUID, email: str, *, verified: bool = False) -> dict[str, Any]:
    """What an e-mail identity says about its account."""
    return {"sub": str(user_id), "email": email, "email_verified": verified, "phone_verified": False}


async def add_email_identity(connection: Connection, user_id: UUID, data: Mapping[str, Any]) -> None:
    """Give an account its e-mail identity, unless it has one."""
    await connection.execute(
        "insert into auth.identities"
        " (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)"
        " values (%s, %s, %s, 'email', now(), now(), now()) on conflict do nothing",
        [str(user_id), user_id, Jsonb(dict(data))],
    )


async def update_email_identity(connection: Connection, user_id: UUID, email: str, *, verified: bool) -> None:
    """Set address and verification of the account's e-mail identity, creating it where there is none."""
    cursor = await connection.execute(
        "update auth.identities set identity_data = identity_data || %s, updated_at = now()"
        " where user_id = %s and provider = 'email'",
        [Jsonb({"email": email, "email_verified": verified}), user_id],
    )
    if cursor.rowcount == 0:
        await add_email_identity(connection, user_id, email_identity_data(user_id, email, verified=verified))


async def providers(connection: Connection, user_id: UUID) -> list[str]:
    """The ways in to an account, the oldest first."""
    cursor = await connection.execute(
        "select provider from auth.identities where user_id = %s group by provider order by min(created_at)", [user_id]
    )
    return [row["provider"] for row in await cursor.fetchall()]


async def list_users(
    connection: Connection, audience: str, *, text: str, page: int, per_page: int, ascending: bool
) -> tuple[list[User], int]:
    """One page of accounts by creation, and how many there are. `text` filters by address or full name.

    Accounts made in one moment come in any order, another one for each page: the real server sorts by nothing else, and
    who counts on more is to notice here.
    """
    matching = sql.SQL(
        "users.instance_id = %(nil)s and users.aud = %(audience)s and (%(text)s = ''"
        " or users.email like '%%' || %(text)s || '%%'"
        " or users.raw_user_meta_data ->> 'full_name' ilike '%%' || %(text)s || '%%')"
    )
    values = {
        "nil": NIL,
        "audience": audience,
        "text": text,
        "limit": per_page,
        "offset": (page - 1) * per_page,
    }
    counting = sql.SQL("select count(*) as total from auth.users as users where {}").format(matching)
    row = await (await connection.execute(counting, values)).fetchone()
    reading = sql.SQL(
        "select {columns} from auth.users as users where {matching}"
        " order by users.created_at {order}, random() limit %(limit)s offset %(offset)s"
    ).format(columns=_COLUMNS, matching=matching, order=sql.SQL("asc" if ascending else "desc"))
    cursor = await connection.execute(reading, values)
    return [User(**found) for found in await cursor.fetchall()], row["total"] if row else 0


async def _fetch_user(connection: Connection, query: sql.Composed, values: list[Any]) -> User | None:
    row = await (await connection.execute(query, values)).fetchone()
    return None if row is None else User(**row)


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value
