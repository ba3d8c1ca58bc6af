-- Who is calling, whether the account is live, and who may act for Ma Petite Planète. Everything else asks here;
-- sessions that prove an address, or show a second factor, are in 18_proof.

create table mpp.ops_member (
    account_id uuid primary key references auth.users (id) on delete cascade,
    granted_at timestamptz not null default private.clock()
);
comment on table mpp.ops_member is 'Accounts of the association''s staff. Read live at each call: a token never says who is staff.';

-- The database role that carries the request. A security definer function cannot `set role`, and no header or token
-- text can: PostgREST sets it, after it has verified the token.
create function private.request_role() returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return case coalesce(current_setting('role', true), 'none') when 'none' then session_user else current_setting('role', true) end;
end
$$;

create function private.is_service() returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return private.request_role() in ('service_role', 'postgres', 'supabase_admin');
end
$$;

-- Whether an account is live: it exists, is not disabled, and is not deleted softly, which keeps its row. Everything
-- that must know asks here.
create function private.is_live(u auth.users) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return u.deleted_at is null and (u.banned_until is null or u.banned_until <= private.clock());
end
$$;

create function private.is_live(account uuid) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from auth.users u where u.id = account and private.is_live(u));
end
$$;

-- The account that a verified token names, live or not; null for anybody else. It says whose rows to look for, and allows nothing.
create function private.claimed_account() returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when private.request_role() = 'authenticated' then auth.uid() end;
end
$$;

-- The account behind a request, if it is live; null for anybody else. It is read live: an account that was disabled or
-- deleted is out with its next request, not when its token ends. The claims of a token count only where PostgREST or
-- Storage has verified it: a login that speaks SQL could write any into its own connection. A test finds whatever reads
-- claims elsewhere.
create function private.my_account() returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
begin
    account := private.claimed_account();
    return case when private.is_live(account) then account end;
end
$$;
grant execute on function private.my_account to authenticated, service_role;

-- Call this after every wait for a lock: the account may have been disabled meanwhile.
create function private.require_still_live() returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if private.request_role() = 'authenticated' and private.my_account() is null then
        perform private.refuse('MP001');
    end if;
end
$$;

-- Keeps an account from being deleted until the end of this transaction. It is the first of all locks, because a
-- deletion takes it first. Call it before adding a row that refers to an account; the error of a foreign key would show
-- the row.
create function private.lock_account(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform from auth.users u where u.id = account for key share;
    if not found then
        perform private.refuse('MP001');
    end if;
end
$$;

-- The same for whoever calls; returns their account. The secret key is nobody's.
create function private.lock_caller() returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
begin
    if private.request_role() = 'authenticated' then
        perform private.lock_account(account);
    end if;
    return account;
end
$$;

create function private.is_ops_member(account uuid) returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from mpp.ops_member m where m.account_id = account);
end
$$;

create function private.is_ops() returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return private.is_service()
        or (
            private.is_ops_member((select private.my_account()))
            and private.my_proven_account() is not null
            and not private.lacks_second_factor()
        );
end
$$;
comment on function private.is_ops is 'True for the service role and for staff accounts, whose session must prove the address and, where the setting says so, show a second factor.';
grant execute on function private.is_ops to authenticated, service_role;

create function private.require_ops() returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if not private.is_ops() then
        perform private.refuse('MP006');
    end if;
end
$$;

alter table mpp.ops_member enable row level security;

-- For the staff: give or take back the rights of the staff.
create function private.set_ops_member(member_id uuid, granted boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the secret key makes staff: a stolen session of the staff must not make more of its kind.
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
    perform from auth.users u where u.id = member_id for key share;
    if not found then
        perform private.refuse('MP005');
    end if;
    -- An address that nobody has confirmed may belong to somebody else.
    if granted and not exists (
        select from auth.users u where u.id = member_id and u.email_confirmed_at is not null and not u.is_anonymous
    ) then
        perform private.refuse('MP010', 'member_id', 'its e-mail address is not confirmed', 'Let the person sign in first.');
    end if;
    if granted then
        insert into mpp.ops_member (account_id) values (member_id)
        on conflict do nothing;
    else
        delete from mpp.ops_member m where m.account_id = member_id;
    end if;
    perform private.record_act(case when granted then 'ops.grant' else 'ops.revoke' end, member_id::text);
end
$$;
grant execute on function private.set_ops_member to service_role;

create function api.set_ops_member(member_id uuid, granted boolean) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_ops_member(member_id, granted); end;
comment on function api.set_ops_member is 'Gives an account the rights of the staff, or takes them back. Secret key only; the account''s address must be confirmed. Errors: MP005, MP006, MP010.';
grant execute on function api.set_ops_member to service_role;

-- Supabase Auth's own list of accounts sorts by created_at alone, which accounts made together share: its pages leave
-- some out and show others twice. Here the id breaks the tie.
create type api.account as (
    id uuid,
    email text,
    created_at timestamptz,
    confirmed_at timestamptz,
    last_sign_in_at timestamptz,
    banned_until timestamptz,
    is_anonymous boolean
);
comment on type api.account is 'An account of Supabase Auth; it is disabled while banned_until lies ahead.';

create function private.list_accounts(search text, before_at timestamptz, before_id uuid, size integer)
    returns setof api.account
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    -- Only the secret key, as with Supabase Auth itself: the staff have no list of everybody's addresses.
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
    return query
    select u.id, u.email::text, coalesce(u.created_at, 'epoch'), u.email_confirmed_at, u.last_sign_in_at, u.banned_until, u.is_anonymous
    from auth.users u
    where u.deleted_at is null
        and (search = '' or strpos(lower(u.email::text), lower(search)) > 0)
        and (before_at is null or (coalesce(u.created_at, 'epoch'), u.id) < (before_at, before_id))
    order by coalesce(u.created_at, 'epoch') desc, u.id desc
    limit least(greatest(size, 1), 1000);
end
$$;
grant execute on function private.list_accounts to service_role;

create function api.list_accounts(
    search text default '',
    before_at timestamptz default null,
    before_id uuid default null,
    size integer default 500
) returns setof api.account
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.list_accounts(search, before_at, before_id, size); end;
comment on function api.list_accounts is 'Lists accounts of Supabase Auth, the latest first, a page at a time: created_at and id of the last one lead to the next page. search keeps addresses that contain this text. Secret key only. Errors: MP006.';
grant execute on function api.list_accounts to service_role;
