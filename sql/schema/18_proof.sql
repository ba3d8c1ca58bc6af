-- Whether the caller is the owner of the account's address. Roles that rest on an address require it: a client's staff
-- and the association's. Anybody may sign up with somebody else's address and a password of their own, and that
-- password works once the owner confirms the address. So these roles require a session that a link or a code sent to
-- the address has opened, or a password that was set in such a session, or that the association gave to an account it
-- made.

insert into mpp.setting (name, value, allowed, about) values
    ('second_factor', 'optional', 'optional|required',
        'Whether the association''s staff and owners of clients must show a second factor: optional or required.');

create table mpp.account_proof (
    account_id uuid primary key references auth.users (id) on delete cascade,
    address_since timestamptz,
    password_since timestamptz
);
comment on table mpp.account_proof is 'What of an account is known to come from its owner; without a row, only sessions that a mail has opened prove anything.';
comment on column mpp.account_proof.address_since is 'When the address last changed. Mails and sessions from before went to the old address, and so did the session that the change opened.';
comment on column mpp.account_proof.password_since is 'When the owner set the password, or the association made the account with it; null for any other password.';

alter table mpp.account_proof enable row level security;

-- Whether a sign-in proves the address, by its method in the token (amr) and in Auth's tables. Tokens tell whole
-- seconds. A change of address takes both mailboxes, and Auth opens a session for the link that is followed last, which
-- may be the one sent to the old address: that session proves nothing (email_change; otp in the second of the change).
-- An app that asks for a link with a challenge (PKCE) gets a code, which it exchanges for a session up to five minutes
-- later: also for a link from before the change.
create function private.proves(method text, at timestamptz, proof mpp.account_proof) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if method = 'otp' then
        return proof.address_since is null or floor(extract(epoch from at)) > floor(extract(epoch from proof.address_since));
    end if;
    if method in ('magiclink', 'recovery', 'invite', 'email/signup') then
        return proof.address_since is null or at > proof.address_since + interval '10 minutes';
    end if;
    return coalesce(method = 'password' and extract(epoch from at) >= floor(extract(epoch from proof.password_since)), false);
end
$$;

-- The account behind a request, if it is live and its session proves the address; else null.
create function private.my_proven_account() returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
    methods jsonb := auth.jwt() -> 'amr';
    proof mpp.account_proof;
begin
    -- An anonymous session has no address to prove, even where its account was given one since.
    if account is null or jsonb_typeof(methods) is distinct from 'array'
        or coalesce((auth.jwt() ->> 'is_anonymous')::boolean, false) then
        return null;
    end if;
    select * into proof from mpp.account_proof p where p.account_id = account;
    if exists (
        select
        from jsonb_array_elements(methods) m
        where private.proves(m.value ->> 'method', to_timestamp((m.value ->> 'timestamp')::double precision), proof)
    ) then
        return account;
    end if;
    return null;
end
$$;
grant execute on function private.my_proven_account to authenticated;

-- Whether the session behind a request has shown a second factor. Its token says so, and so must Auth's own row: a
-- factor that was removed, or a session that has ended, counts no longer, whatever a token still says.
create function private.has_second_factor() returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    claims jsonb := auth.jwt();
    account uuid := private.claimed_account();
begin
    return account is not null and claims ->> 'aal' = 'aal2' and exists (
        select
        from auth.sessions s
        where s.id = (claims ->> 'session_id')::uuid and s.user_id = account and s.aal = 'aal2'
    );
end
$$;

-- Whether the session behind a request still has to show a second factor, for those who must: the association's staff
-- and owners of clients. Ask it last: it reads a setting.
create function private.lacks_second_factor() returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.setting('second_factor') = 'required' and not private.has_second_factor();
end
$$;
grant execute on function private.lacks_second_factor to authenticated;

-- Whether the caller is one of the staff but for the second factor.
create function private.would_be_ops() returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.is_ops_member(private.my_account()) and private.my_proven_account() is not null and private.lacks_second_factor();
end
$$;

-- Auth writes in several steps, so this judges when they are done. A password that comes with a confirmed address was
-- given by the association (or by a server that confirms every address by itself, as the local stack does). A password
-- that is changed later counts if a session that proves the address changed it: Auth ends all other sessions, so this
-- one is left alone. Without any session it does not count: whoever changes a password may sign out meanwhile. So a
-- password that the association sets later with the secret key takes one sign-in by mail. Auth's own stamps are the
-- clock that tokens are made by.
create function private.account_proved() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    was mpp.account_proof;
    is_confirmed boolean;
begin
    select u.email_confirmed_at is not null into is_confirmed from auth.users u where u.id = new.id;
    if not found then
        return null;
    end if;
    select * into was from mpp.account_proof p where p.account_id = new.id;
    was.account_id := new.id;
    if tg_op = 'INSERT' then
        was.password_since := case when is_confirmed and new.encrypted_password <> '' then new.created_at end;
    else
        if new.email is distinct from old.email then
            -- Not earlier than any session that exists: the one that the change opens is among them.
            was.address_since := greatest(coalesce(new.updated_at, private.clock()), (
                select max(c.updated_at)
                from auth.sessions s
                join auth.mfa_amr_claims c on c.session_id = s.id
                where s.user_id = new.id
            ));
            was.password_since := null;
        end if;
        if new.encrypted_password is distinct from old.encrypted_password then
            select case when is_confirmed and bool_and(x.proves) then coalesce(new.updated_at, private.clock()) end
            into was.password_since
            from (
                select exists (
                    select
                    from auth.mfa_amr_claims c
                    where c.session_id = s.id and private.proves(c.authentication_method, c.updated_at, was)
                ) as proves
                from auth.sessions s
                where s.user_id = new.id
            ) x;
        end if;
    end if;
    insert into mpp.account_proof (account_id, address_since, password_since)
    values (was.account_id, was.address_since, was.password_since)
    on conflict on constraint account_proof_pkey do update
    set address_since = excluded.address_since, password_since = excluded.password_since;
    return null;
end
$$;

create constraint trigger account_proved_when_made
    after insert on auth.users
    deferrable initially deferred
    for each row
    when (new.encrypted_password <> '')
    execute function private.account_proved();

create constraint trigger account_proved_when_changed
    after update of email, encrypted_password on auth.users
    deferrable initially deferred
    for each row
    when (new.email is distinct from old.email or new.encrypted_password is distinct from old.encrypted_password)
    execute function private.account_proved();

-- What a session may do depends on more than its account: this tells an app, or `mpp whoami`, what is missing.
create type api.caller as (
    role text,
    account_id uuid,
    email text,
    is_ops boolean,
    proves_address boolean,
    has_second_factor boolean,
    needs_second_factor boolean
);
comment on type api.caller is 'Who sent a request. is_ops: acts for the association. proves_address: the session was opened by the owner of the address (MP012). has_second_factor: it has shown a second factor. needs_second_factor: it has to, before it acts for the association or as owner of a client (MP013).';

create function private.who_am_i() returns api.caller
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
    me api.caller;
begin
    me.role := private.request_role();
    me.account_id := account;
    me.email := (select u.email from auth.users u where u.id = account);
    me.is_ops := private.is_ops();
    me.proves_address := private.my_proven_account() is not null;
    me.has_second_factor := account is not null and private.has_second_factor();
    me.needs_second_factor := account is not null and private.lacks_second_factor() and (
        private.is_ops_member(account)
        or exists (select from mpp.staff s where s.account_id = account and s.role = 'owner')
    );
    return me;
end
$$;
grant execute on function private.who_am_i to anon, authenticated, service_role;

create function api.who_am_i() returns api.caller
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.who_am_i(); end;
comment on function api.who_am_i is 'Tells who sent the request, and what its session lacks. Errors: none.';
grant execute on function api.who_am_i to anon, authenticated, service_role;
