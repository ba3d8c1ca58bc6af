-- Who wants no mail, and which addresses do not exist. What stops a mail is mail_obstacle in 94_outbox.

create table mpp.unsubscribe_token (
    digest bytea primary key,
    purpose api.mail_purpose not null check (purpose <> 'service'),
    account_id uuid references auth.users (id) on delete cascade,
    address text,
    made_at timestamptz not null default private.clock(),
    constraint unsubscribe_token_one_reader check (num_nonnulls(account_id, address) = 1)
);
comment on table mpp.unsubscribe_token is 'Digests of the tokens in unsubscribe links; the tokens themselves are in the mails only.';
create index unsubscribe_token_account on mpp.unsubscribe_token (account_id);

create table mpp.mail_suppression (
    id bigint generated always as identity primary key,
    purpose api.mail_purpose not null check (purpose <> 'service'),
    account_id uuid references auth.users (id) on delete cascade,
    address text,
    since timestamptz not null default private.clock(),
    constraint mail_suppression_one_reader check (num_nonnulls(account_id, address) = 1),
    constraint mail_suppression_account unique (account_id, purpose),
    constraint mail_suppression_address unique (address, purpose)
);
comment on table mpp.mail_suppression is 'Who unsubscribed from mails that rest on no consent: weekly reports, and invitations to an address without an account.';

create table mpp.mail_bounce (
    id bigint generated always as identity primary key,
    address text not null check (address = lower(address) and private.is_mail_address(address)),
    is_hard boolean not null,
    reason text not null check (char_length(reason) <= 500),
    outbox_id bigint references mpp.outbox (id) on delete set null,
    bounced_at timestamptz not null default private.clock(),
    cleared_at timestamptz
);
comment on table mpp.mail_bounce is 'Addresses that refused a mail. A hard bounce that was not cleared stops every mail to its address.';
create index mail_bounce_address on mpp.mail_bounce (address);
create index mail_bounce_outbox on mpp.mail_bounce (outbox_id);

alter table mpp.unsubscribe_token enable row level security;
alter table mpp.mail_suppression enable row level security;
alter table mpp.mail_bounce enable row level security;

create policy mail_bounce_select_ops on mpp.mail_bounce
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.mail_bounce to authenticated, service_role;

create view api.mail_bounces with (security_invoker = true) as
select b.id, b.address, b.is_hard, b.reason, b.outbox_id, b.bounced_at, b.cleared_at
from mpp.mail_bounce b cross join (select) read_only
where (select private.is_ops());
comment on view api.mail_bounces is 'Addresses that refused a mail; sort by id. Staff only.';
grant select on api.mail_bounces to authenticated, service_role;

create function private.record_bounce_of(address text, is_hard boolean, reason text, outbox_id bigint) returns void
    language sql set search_path = pg_catalog, pg_temp
as $$
    insert into mpp.mail_bounce (address, is_hard, reason, outbox_id)
    values (lower(address), is_hard, left(coalesce(reason, ''), 500), outbox_id)
$$;

create function private.record_bounce(address text, is_hard boolean, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_ops();
    if address is null or not private.is_mail_address(address) then
        perform private.refuse('MP010', 'address', coalesce(left(address, 100), 'it is empty'), 'Give an address such as ada@example.org.');
    end if;
    if is_hard is null then
        perform private.refuse('MP010', 'is_hard', 'it is empty', 'Send true or false.');
    end if;
    perform private.record_bounce_of(address, is_hard, reason, null);
    perform private.record_act('mail.bounce', null, jsonb_build_object('hard', is_hard));
end
$$;
grant execute on function private.record_bounce to authenticated, service_role;

create function api.record_bounce(address text, is_hard boolean, reason text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_bounce(address, is_hard, reason); end;
comment on function api.record_bounce is 'Records that a mail came back. A hard bounce (the address does not exist) stops every mail to it; a soft one (full, away) is only recorded. Staff only. Errors: MP006, MP010.';
grant execute on function api.record_bounce to authenticated, service_role;

create function private.clear_bounces(address text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    cleared integer;
begin
    perform private.require_ops();
    update mpp.mail_bounce b
    set cleared_at = private.clock()
    where b.address = lower(clear_bounces.address) and b.cleared_at is null;
    get diagnostics cleared = row_count;
    if cleared > 0 then
        perform private.record_act('mail.clear_bounces', null, jsonb_build_object('cleared', cleared));
    end if;
    return cleared;
end
$$;
grant execute on function private.clear_bounces to authenticated, service_role;

create function api.clear_bounces(address text) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.clear_bounces(address); end;
comment on function api.clear_bounces is 'Lets an address get mail again. Returns how many bounces were cleared. Somebody who unsubscribed stays unsubscribed. Staff only. Errors: MP006.';
grant execute on function api.clear_bounces to authenticated, service_role;

-- The token is the proof: nobody signs in to unsubscribe. It works during maintenance too, because a mail program asks
-- once. The answer is the same, whatever the token.
create function private.unsubscribe(token text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    t mpp.unsubscribe_token;
begin
    if token is null or octet_length(token) > 200 then
        return;
    end if;
    select * into t from mpp.unsubscribe_token u where u.digest = sha256(convert_to(token, 'UTF8'));
    -- The account first, as in its deletion, which deletes the token.
    perform from auth.users u where u.id = t.account_id for key share;
    -- Locked: pressing twice writes once.
    select * into t from mpp.unsubscribe_token u where u.digest = t.digest for update;
    if not found then
        return;
    end if;
    if t.purpose in ('newsletter', 'league_alerts') then
        insert into mpp.consent (account_id, purpose, granted, text_version, channel)
        select t.account_id, t.purpose::text::api.consent_purpose, false, (private.current_terms()).version, 'mail'
        where coalesce((
            select c.granted
            from mpp.consent c
            where c.account_id = t.account_id and c.purpose::text = t.purpose::text
            order by c.id desc
            limit 1
        ), false);
    else
        -- For the mailbox, or the next mail would come to it under another tag.
        insert into mpp.mail_suppression (purpose, account_id, address)
        values (t.purpose, t.account_id, private.mailbox_of(t.address))
        on conflict do nothing;
    end if;
end
$$;
grant execute on function private.unsubscribe to anon, authenticated, service_role;

create function api.unsubscribe(token text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.unsubscribe(token); end;
comment on function api.unsubscribe is 'Stops the kind of mail that a link was in, without signing in: withdraws the consent, or records the address. Asking again, or with an unknown token, gives the same answer. Errors: none.';
grant execute on function api.unsubscribe to anon, authenticated, service_role;

-- Row-level security does not hide the planner's estimates (see 99_ownership).
do $$
declare
    private_column record;
begin
    for private_column in
        select a.attrelid::regclass as relation, a.attname as name
        from pg_catalog.pg_attribute a
        where a.attnum > 0
            and not a.attisdropped
            and a.attrelid in (
                'mpp.outbox'::regclass, 'mpp.unsubscribe_token'::regclass, 'mpp.mail_suppression'::regclass,
                'mpp.mail_bounce'::regclass, 'mpp.newsletter'::regclass
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter table %s alter column %I set statistics 0', private_column.relation, private_column.name);
    end loop;
end
$$;

alter index mpp.outbox_invitation alter column 1 set statistics 0;
