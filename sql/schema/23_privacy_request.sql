-- What people ask about their own data, by the app or by mail, until when it must be answered, and the erasure of an
-- account: by its owner, by the staff, or because its time is over. What goes and what stays when an account is deleted,
-- in whatever way, is in 49_erasure and 66_access.

insert into mpp.setting (name, value, allowed, about) values
    ('erasure_wait', '0', '[0-9]|[12][0-9]|30',
        'How many days pass between asking for the erasure of one''s account and the erasure, from 0 (at once) to 30. Until then the owner may keep the account.'),
    ('recent_sign_in', '15', '[5-9]|[1-5][0-9]|60',
        'How old a sign-in may be that does what cannot be undone, such as erasing one''s account: 5 to 60 minutes.');

create type api.privacy_request_kind as enum ('access', 'portability', 'rectification', 'erasure', 'restriction', 'objection');

create type api.privacy_request_state as enum (
    'waiting', -- -> done, withdrawn; an erasure that its owner may still take back
    'open', -- -> done, refused, withdrawn
    'done',
    'refused',
    'withdrawn'
);

create table mpp.privacy_request (
    id integer generated always as identity primary key,
    kind api.privacy_request_kind not null,
    state api.privacy_request_state not null,
    account_id uuid references auth.users (id) on delete set null,
    address text check (address is null or (private.is_mail_address(address) and address = lower(address))),
    channel text not null check (channel in ('app', 'mail', 'letter', 'telephone')),
    asked_at timestamptz not null default private.clock(),
    due_at timestamptz not null,
    erases_at timestamptz,
    note text check (char_length(note) between 1 and 500),
    handled_at timestamptz,
    handled_by uuid references auth.users (id) on delete set null,
    outcome text check (char_length(outcome) between 1 and 500),
    constraint privacy_request_waits_for_erasure check (state <> 'waiting' or (kind = 'erasure' and account_id is not null and erases_at is not null)),
    constraint privacy_request_handled_has_time check ((state in ('waiting', 'open')) = (handled_at is null)),
    -- Once it is handled, nothing but the audit leads to whoever asked without an account.
    constraint privacy_request_forgets_address check (address is null or handled_at is null)
);
comment on table mpp.privacy_request is 'What people asked about their own data, and what became of it.';
comment on column mpp.privacy_request.account_id is 'Who asked; null without an account, and once it is erased. Read by the person and the staff; the request is kept three years after it was handled.';
comment on column mpp.privacy_request.address is 'Where to answer somebody without an account. Read by the staff; emptied once the request is handled.';
comment on column mpp.privacy_request.due_at is 'Until when the person must have an answer: 30 days after asking.';
comment on column mpp.privacy_request.erases_at is 'When an erasure that the owner asked for takes effect.';
comment on column mpp.privacy_request.note is 'What was asked, in the words of the staff. Read by the staff; kept three years after the request was handled.';
comment on column mpp.privacy_request.handled_by is 'Who of the staff handled it; null for the owner, the secret key, and once that account is erased.';
comment on column mpp.privacy_request.outcome is 'What was answered, in the words of the staff. Read by the staff; kept three years after the request was handled.';
create unique index privacy_request_one_erasure on mpp.privacy_request (account_id) where state = 'waiting';
create index privacy_request_account on mpp.privacy_request (account_id, asked_at) where account_id is not null;
create index privacy_request_handler on mpp.privacy_request (handled_by) where handled_by is not null;
create index privacy_request_due on mpp.privacy_request (due_at) where handled_at is null;

alter table mpp.privacy_request enable row level security;

create policy privacy_request_select_authenticated on mpp.privacy_request
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

grant select on mpp.privacy_request to authenticated, service_role;

create view api.my_privacy_requests with (security_invoker = true) as
select r.id, r.kind, r.state, r.channel, r.asked_at, r.due_at, r.erases_at, r.handled_at
from mpp.privacy_request r cross join (select) read_only
where r.account_id = (select private.my_account());
comment on view api.my_privacy_requests is 'What the caller asked about their own data, and what became of it; sort by id. erases_at is when an erasure that waits takes effect: keep_my_account takes it back until then.';
grant select on api.my_privacy_requests to authenticated;

create view api.privacy_requests with (security_invoker = true) as
select
    r.id, r.kind, r.state, r.account_id, r.address, r.channel, r.asked_at, r.due_at, r.erases_at, r.note, r.handled_at,
    r.handled_by, r.outcome
from mpp.privacy_request r cross join (select) read_only
where (select private.is_ops());
comment on view api.privacy_requests is 'What people asked about their own data, by the app or by another way, until when they must have an answer, and what became of it; sort by due_at. Staff only.';
comment on column api.privacy_requests.address is 'Where to answer somebody without an account; empty once the request is handled.';
comment on column api.privacy_requests.handled_by is 'The account of the staff that handled it; null for the owner and the secret key.';
grant select on api.privacy_requests to authenticated, service_role;

-- The same hour so many days later, in Paris: a day in which the clocks change has 23 or 25 hours.
create function private.days_after(at timestamptz, days integer) returns timestamptz
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select (at at time zone 'Europe/Paris' + make_interval(days => days)) at time zone 'Europe/Paris' $$;

-- When the account of a person is erased, if it is.
create function private.erases_at(account_id uuid) returns timestamptz
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (select r.erases_at from mpp.privacy_request r where r.account_id = erases_at.account_id and r.state = 'waiting');
end
$$;
grant execute on function private.erases_at to authenticated;

-- Refuses what cannot be undone to a session that somebody left open, or that was stolen: by when its owner signed in,
-- and not by when its token was made, which is renewed every hour. Whoever has a second factor shows it.
create function private.require_recent_sign_in() returns void
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    methods jsonb := auth.jwt() -> 'amr';
    minutes integer := private.setting('recent_sign_in')::integer;
    account uuid := private.claimed_account();
begin
    if jsonb_typeof(methods) is distinct from 'array' or not exists (
        select
        from jsonb_array_elements(methods) m
        where m.value ->> 'method' not in ('token_refresh', 'email_change', 'anonymous')
            and to_timestamp((m.value ->> 'timestamp')::double precision) > private.clock() - make_interval(mins => minutes)
    ) then
        perform private.refuse('MP064', minutes::text);
    end if;
    if not private.has_second_factor() and exists (
        select from auth.mfa_factors f where f.user_id = account and f.status = 'verified'
    ) then
        perform private.refuse('MP013');
    end if;
end
$$;

-- Erases an account for good, and says whether there was one. For other functions of this schema, which have checked who
-- asks and why. It is one transaction: cut off, it has not begun, and run again it finds nothing left to do. The mail
-- goes to the address alone, since the account is gone.
create function private.erase_account(account_id uuid, because text) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    u auth.users;
    by_staff uuid := nullif(private.my_account(), account_id);
begin
    -- The first of all locks: a deletion takes it first.
    select * into u from auth.users x where x.id = erase_account.account_id for update;
    if not found then
        return false;
    end if;
    -- An address that nobody has confirmed may be somebody else's.
    if u.email_confirmed_at is not null and private.is_mail_address(u.email) then
        perform private.queue_mail('account-erased-' || gen_random_uuid(), 'account_erased', '{}', address => u.email,
            language => (select case f.language when 'fr' then 'fr' else 'en' end from mpp.profile f where f.id = u.id),
            useful_until => private.days_after(private.clock(), 30));
    end if;
    update mpp.privacy_request r
    set state = case when r.kind = 'erasure' then 'done'::api.privacy_request_state else 'withdrawn' end,
        handled_at = private.clock(), handled_by = by_staff, address = null
    where r.account_id = u.id and r.handled_at is null;
    -- Not through record_act: somebody who has done much today is not kept from leaving.
    insert into mpp.audit (actor_id, actor_role, claimed_by, action, subject, details)
    values (private.my_account(), private.request_role(), private.claimed_operator(), 'user.erase', u.id::text,
        jsonb_build_object('reason', because));
    delete from auth.users x where x.id = u.id;
    return true;
end
$$;
comment on function private.erase_account is 'Erases an account for good; false when there is none. Callers have checked who asks.';

create type api.erasure as (account_id uuid, asked_at timestamptz, erases_at timestamptz, is_erased boolean);
comment on type api.erasure is 'An erasure of an account: done, or to be done at erases_at.';

create function private.erase_my_account() returns api.erasure
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    most constant integer := 5;
    account uuid := private.require_account(registered => false, accepted => false);
    days integer := private.setting('erasure_wait')::integer;
    at timestamptz;
    request mpp.privacy_request;
begin
    perform private.require_recent_sign_in();
    -- Of two calls at once the second finds what the first did.
    perform from auth.users u where u.id = account for update;
    perform private.require_still_live();
    at := private.clock();
    select * into request from mpp.privacy_request r where r.account_id = account and r.state = 'waiting';
    if not found then
        if (
            select count(*) from mpp.privacy_request r
            where r.account_id = account and r.channel = 'app' and r.kind = 'erasure' and r.asked_at > at - interval '24 hours'
        ) >= most then
            perform private.refuse('MP047', most::text);
        end if;
        insert into mpp.privacy_request (kind, state, account_id, channel, asked_at, due_at, erases_at)
        values ('erasure', 'waiting', account, 'app', at, private.days_after(at, 30), private.days_after(at, days))
        returning * into request;
        if days > 0 then
            perform private.queue_mail('erasure-asked-' || request.id, 'erasure_asked', jsonb_build_object('erases_at', request.erases_at),
                account_id => account, useful_until => request.erases_at);
        else
            perform private.erase_account(account, 'asked by its owner');
            return (account, request.asked_at, at, true)::api.erasure;
        end if;
    end if;
    return (account, request.asked_at, request.erases_at, false)::api.erasure;
end
$$;
grant execute on function private.erase_my_account to authenticated;

create function api.erase_my_account() returns api.erasure
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.erase_my_account(); end;
comment on function api.erase_my_account is 'Erases the caller''s account for good: at once, or after the days of the setting erasure_wait, until when keep_my_account takes it back. Asked again it answers the same. Points, ranks and awards stay under no name; a league goes to a co-ambassador or to whoever has been in it longest, a class to its other teachers. Takes a sign-in of the last minutes (the setting recent_sign_in), with the second factor of whoever has one. A mail tells the owner that it was asked, and that it was done. Errors: MP001, MP002, MP011, MP013, MP047, MP064.';
grant execute on function api.erase_my_account to authenticated;

create function private.keep_my_account() returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false, accepted => false);
    request integer;
begin
    perform private.lock_account(account);
    perform private.require_still_live();
    update mpp.privacy_request r
    set state = 'withdrawn', handled_at = private.clock()
    where r.account_id = account and r.state = 'waiting'
    returning r.id into request;
    if not found then
        perform private.refuse('MP065');
    end if;
    update mpp.outbox m
    set state = 'dropped', reply = 'withdrawn', data = '{}'
    where m.key = 'erasure-asked-' || request and m.state = 'queued';
end
$$;
grant execute on function private.keep_my_account to authenticated;

create function api.keep_my_account() returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.keep_my_account(); end;
comment on function api.keep_my_account is 'Takes back the erasure of the caller''s account while it waits. Errors: MP001, MP002, MP011, MP065.';
grant execute on function api.keep_my_account to authenticated;

create function private.erase_person(account_id uuid, reason text) returns api.erasure
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
    at timestamptz := private.clock();
begin
    perform private.require_ops();
    why := private.clean_line('reason', erase_person.reason, 300);
    -- As with disabling: a stolen session of the staff must not remove the others.
    if private.is_ops_member(account_id) and not private.is_service() then
        perform private.refuse('MP006');
    end if;
    if not private.erase_account(account_id, why) then
        perform private.refuse('MP005');
    end if;
    return (account_id, at, at, true)::api.erasure;
end
$$;
grant execute on function private.erase_person to authenticated, service_role;

create function api.erase_person(account_id uuid, reason text) returns api.erasure
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.erase_person(account_id, reason); end;
comment on function api.erase_person is 'Erases an account for good and at once, as erase_my_account does, for somebody who asked for it by another way. It handles what the person had asked; a mail tells the address, and the audit keeps the reason. Staff of the association; accounts of staff with the secret key only. Errors: MP005, MP006, MP010, MP013.';
grant execute on function api.erase_person to authenticated, service_role;

-- One account to a transaction: its lock is the first of all, and a second one would be taken after those of leagues. Of
-- two runs at once each takes another account.
create function private.erase_due_account() returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
begin
    perform private.require_ops();
    loop
        select u.id into account
        from mpp.privacy_request r
        join auth.users u on u.id = r.account_id
        where r.state = 'waiting' and r.erases_at <= private.clock()
        order by r.erases_at, r.id
        limit 1
        for update of u skip locked;
        if not found then
            return false;
        end if;
        -- The owner may have kept the account a moment ago.
        exit when private.erases_at(account) <= private.clock();
    end loop;
    return private.erase_account(account, 'asked by its owner');
end
$$;
grant execute on function private.erase_due_account to authenticated, service_role;

create function api.erase_due_account() returns boolean
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.erase_due_account(); end;
comment on function api.erase_due_account is 'Erases one account whose owner asked for it and whose waiting time is over; says whether there was one. Call it again until there is none. Staff. Errors: MP006.';
grant execute on function api.erase_due_account to authenticated, service_role;

-- What came by mail, by letter or by telephone.
create function private.record_privacy_request(
    kind text, channel text, note text, account_id uuid, address text, asked_on date
) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    kinds constant text[] := enum_range(null::api.privacy_request_kind)::text[];
    channels constant text[] := array['mail', 'letter', 'telephone'];
    said text;
    place text := lower(private.trimmed(left(record_privacy_request.address, 400)));
    at timestamptz := private.clock();
    request integer;
begin
    perform private.require_ops();
    if kind is null or not kind = any (kinds) then
        perform private.refuse('MP010', 'kind', coalesce(left(kind, 40), 'it is empty'), format('Use %s.', array_to_string(kinds, ', ')));
    end if;
    if channel is null or not channel = any (channels) then
        perform private.refuse('MP010', 'channel', coalesce(left(channel, 40), 'it is empty'), format('Use %s.', array_to_string(channels, ', ')));
    end if;
    if num_nonnulls(record_privacy_request.account_id, place) <> 1 then
        perform private.refuse('MP010', 'account_id', 'give either an account or an address', 'Send one of the two.');
    end if;
    -- No refusal repeats the address: refusals are logged.
    if place is not null and not private.is_mail_address(place) then
        perform private.refuse('MP010', 'address', 'it is no address', 'Give an address such as ada@example.org.');
    end if;
    if asked_on > private.today() or asked_on < private.today() - 365 then
        perform private.refuse('MP010', 'asked_on', asked_on::text, 'Give the day on which it came, of the last year.');
    end if;
    said := private.clean_line('note', record_privacy_request.note, 500);
    at := coalesce(least(at, asked_on::timestamp at time zone 'Europe/Paris'), at);
    if record_privacy_request.account_id is not null then
        perform from auth.users u where u.id = record_privacy_request.account_id for key share;
        if not found then
            perform private.refuse('MP005');
        end if;
    end if;
    insert into mpp.privacy_request (kind, state, account_id, address, channel, asked_at, due_at, note)
    values (record_privacy_request.kind::api.privacy_request_kind, 'open', record_privacy_request.account_id, place,
        record_privacy_request.channel, at, private.days_after(at, 30), said)
    returning id into request;
    perform private.record_act('privacy.record', request::text, jsonb_build_object('kind', kind, 'channel', channel));
    return request;
end
$$;
grant execute on function private.record_privacy_request to authenticated, service_role;

create function api.record_privacy_request(
    kind text, channel text, note text, account_id uuid default null, address text default null, asked_on date default null
) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_privacy_request(kind, channel, note, account_id, address, asked_on); end;
comment on function api.record_privacy_request is 'Records what somebody asked about their own data by mail, letter or telephone: access, portability, rectification, erasure, restriction or objection; returns its number. Names an account, or the address of somebody without one. It is due 30 days after the day on which it came (asked_on; today without). Staff. Errors: MP005, MP006, MP010.';
grant execute on function api.record_privacy_request to authenticated, service_role;

create function private.settle_privacy_request(request_id integer, outcome text, refused boolean) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    said text;
    staff uuid;
    request mpp.privacy_request;
begin
    perform private.require_ops();
    said := private.clean_line('outcome', settle_privacy_request.outcome, 500);
    staff := private.lock_caller();
    select * into request from mpp.privacy_request r where r.id = request_id for update;
    if not found then
        perform private.refuse('MP005');
    end if;
    if request.state <> 'open' then
        perform private.refuse('MP066', request.id::text, request.state::text);
    end if;
    if request.kind = 'erasure' and request.account_id is not null and refused is not true then
        perform private.refuse('MP010', 'request_id', 'the account is still there', 'Erase the account: that settles the request.');
    end if;
    update mpp.privacy_request r
    set state = case when refused then 'refused'::api.privacy_request_state else 'done' end, outcome = said,
        handled_at = private.clock(), handled_by = staff, address = null
    where r.id = request.id;
    perform private.record_act('privacy.settle', request.id::text,
        jsonb_build_object('kind', request.kind, 'state', case when refused then 'refused' else 'done' end));
end
$$;
grant execute on function private.settle_privacy_request to authenticated, service_role;

create function api.settle_privacy_request(request_id integer, outcome text, refused boolean default false) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.settle_privacy_request(request_id, outcome, refused); end;
comment on function api.settle_privacy_request is 'Says what was answered to somebody who asked about their own data: that it was done, or refused and why. Forgets the address. An erasure of an account is settled by erase_person. Staff. Errors: MP005, MP006, MP010, MP066.';
grant execute on function api.settle_privacy_request to authenticated, service_role;
