-- Whether whoever asks is the owner of the account's address. Some roles rest on an address: those of a client's staff and of the
-- association's. But anybody may sign up with somebody else's address and a password of their own, and when the owner confirms it,
-- that password works too. So these roles take a session that a link or a code sent to the address has opened, or one
-- opened with a password that was set by such a session, or by the association.

create table mpp.account_proof (
    account_id uuid primary key references auth.users (id) on delete cascade,
    address_since timestamptz,
    password_since timestamptz
);
comment on table mpp.account_proof is 'What of an account is known to be its owner''s; without a row, only sessions that a mail has opened prove anything.';
comment on column mpp.account_proof.address_since is 'When the address last changed: mails of before went elsewhere.';
comment on column mpp.account_proof.password_since is 'When the owner, or the association, set the password; empty for one that was there before the address was confirmed.';

alter table mpp.account_proof enable row level security;

-- What a sign-in is worth, by its method in the token (amr) and in Auth''s tables. Tokens tell whole seconds.
create function private.proves(method text, at timestamptz, proof mpp.account_proof) returns boolean
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    if method in ('otp', 'magiclink', 'recovery', 'invite', 'email/signup', 'email_change') then
        return proof.address_since is null or extract(epoch from at) >= floor(extract(epoch from proof.address_since));
    end if;
    return coalesce(method = 'password' and extract(epoch from at) >= floor(extract(epoch from proof.password_since)), false);
end
$$;
revoke execute on function private.proves(text, timestamptz, mpp.account_proof) from public;

-- The account behind a request, if it is live and its session proves that the owner of the address has opened it; else null.
create function private.my_proven_account() returns uuid
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
    methods jsonb := auth.jwt() -> 'amr';
    proof mpp.account_proof;
begin
    if account is null or jsonb_typeof(methods) is distinct from 'array' then
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
revoke execute on function private.my_proven_account() from public;
grant execute on function private.my_proven_account() to authenticated;

-- Auth writes in several steps, so it is judged when they are done: a password that comes with a confirmed address was given by
-- the association (or by whoever confirms every address by itself, as the local stack does); one that is changed later is as good as the
-- sessions that Auth has left open, which is the one that changed it, or none. Its own stamps are the clock that tokens are made by.
create function private.account_proved() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
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
            was.address_since := coalesce(new.updated_at, private.clock());
            was.password_since := null;
        end if;
        if new.encrypted_password is distinct from old.encrypted_password then
            was.password_since := case when is_confirmed and not exists (
                select
                from auth.sessions s
                where s.user_id = new.id
                    and not exists (
                        select
                        from auth.mfa_amr_claims c
                        where c.session_id = s.id and private.proves(c.authentication_method, c.updated_at, was)
                    )
            ) then coalesce(new.updated_at, private.clock()) end;
        end if;
    end if;
    insert into mpp.account_proof (account_id, address_since, password_since)
    values (was.account_id, was.address_since, was.password_since)
    on conflict on constraint account_proof_pkey do update
    set address_since = excluded.address_since, password_since = excluded.password_since;
    return null;
end
$$;
revoke execute on function private.account_proved() from public;

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

