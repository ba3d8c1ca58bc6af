-- The audit: a trace of every privileged act. Rows are only ever added.

create table mpp.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default private.clock(),
    actor_id uuid,
    actor_role text not null,
    claimed_by text check (claimed_by <> '' and char_length(claimed_by) <= 120),
    action text not null,
    subject text,
    details jsonb not null default '{}'
);
comment on table mpp.audit is 'Privileged acts, append-only for everyone.';
comment on column mpp.audit.actor_id is 'The account whose session did it; null where the secret key, Auth or SQL did.';
comment on column mpp.audit.claimed_by is 'Who said to stand behind the secret key. Nobody has checked it.';
create index audit_subject on mpp.audit (subject, at desc);
create index audit_actor on mpp.audit (actor_id, at desc);

create function private.refuse_change() returns trigger
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse('MP061', tg_table_name);
    return null;
end
$$;

create trigger audit_append_only
    before update or delete or truncate on mpp.audit
    for each statement execute function private.refuse_change();

-- The name that came with the secret key, in a header. Whoever has the key may write any name there, so it is kept apart
-- from the accounts of sessions. Control characters would write into the terminal of whoever reads the audit.
create function private.claimed_operator() returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if private.request_role() <> 'service_role' then
        return null;
    end if;
    return nullif(left(btrim(regexp_replace(
        coalesce(nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-mpp-operator', ''), '[[:cntrl:]]+', ' ', 'g')), 120), '');
end
$$;

-- Bounds what players, teachers and staff of clients may add: nobody deletes these rows, so one account must not fill
-- the table.
create function private.record_act(action text, subject text, details jsonb default '{}') returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    most constant integer := 200;
    account uuid := private.my_account();
begin
    if account is not null and not private.is_ops() and (
        select count(*)
        from (
            select from mpp.audit a where a.actor_id = account and a.at > private.clock() - interval '24 hours' limit most
        ) today
    ) >= most then
        perform private.refuse('MP047', most::text);
    end if;
    insert into mpp.audit (actor_id, actor_role, claimed_by, action, subject, details)
    values (account, private.request_role(), private.claimed_operator(), action, subject, details);
end
$$;

alter table mpp.audit enable row level security;

create policy audit_select_ops on mpp.audit
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.audit to authenticated, service_role;

-- The address of an account in the audit. An account of the staff reads those of the association's staff and of clients'
-- staff: the others are people, whom it looks up by their id where the look is recorded.
create function private.audited_address(account uuid) returns text
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if account is null or not private.is_ops() then
        return null;
    end if;
    return (
        select u.email
        from auth.users u
        where u.id = account and (
            private.is_service()
            or private.is_ops_member(account)
            or exists (select from mpp.audit a where a.subject = account::text and a.action = 'ops.grant')
            or exists (select from mpp.staff s where s.account_id = account)
        )
    );
end
$$;
grant execute on function private.audited_address to authenticated, service_role;

-- What the subject of an act is called, where it has a name: an account, a league or class, a client.
create function private.audited_name(action text, subject text) returns text
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if subject is null or not private.is_ops() then
        return null;
    end if;
    if action ~ '^(user|ops|profile)\.' and subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return private.audited_address(subject::uuid);
    end if;
    if action ~ '^(league|class)\.' and subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return (select l.name from mpp.league l where l.id = subject::uuid);
    end if;
    if action ~ '^(client|participation)\.' and subject ~ '^[0-9]{1,9}$' then
        return (select o.code from mpp.organisation o where o.id = subject::integer);
    end if;
    return null;
end
$$;
grant execute on function private.audited_name to authenticated, service_role;

create view api.audit_log with (security_invoker = true) as
select
    a.id,
    a.at,
    a.actor_id,
    a.actor_role,
    coalesce(private.audited_address(a.actor_id), a.claimed_by) as actor,
    case
        when a.actor_id is not null then 'session'
        when a.claimed_by is not null then 'claim'
        when a.actor_role = 'service_role' then 'key'
        else 'server'
    end as known_by,
    a.action,
    a.subject,
    private.audited_name(a.action, a.subject) as subject_name,
    a.details
from mpp.audit a cross join (select) read_only;
comment on view api.audit_log is 'The audit of privileged acts; sort by id. Staff only.';
comment on column api.audit_log.actor_id is 'The account whose session did it.';
comment on column api.audit_log.actor_role is 'The role of the database that did it.';
comment on column api.audit_log.actor is 'Who did it: the address of the account, while it exists, or the name that came with the secret key. The staff read addresses of staff only.';
comment on column api.audit_log.known_by is 'How that is known: session (a person who had signed in), claim (the secret key, and a name that nobody has checked), key (the secret key alone), server (Auth or SQL).';
comment on column api.audit_log.subject_name is 'What the subject is called: the address of an account, the name of a league or class, the code of a client.';
grant select on api.audit_log to authenticated, service_role;
