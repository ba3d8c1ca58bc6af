-- The audit: a trace of every privileged act. Rows are only ever added.

create table mpp.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default private.clock(),
    actor_id uuid,
    actor_role text not null,
    action text not null,
    subject text,
    details jsonb not null default '{}'
);
comment on table mpp.audit is 'Privileged acts, append-only for everyone.';
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
    insert into mpp.audit (actor_id, actor_role, action, subject, details)
    values (account, private.request_role(), action, subject, details);
end
$$;

alter table mpp.audit enable row level security;

create policy audit_select_ops on mpp.audit
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.audit to authenticated, service_role;

create view api.audit_log with (security_invoker = true) as
select a.id, a.at, a.actor_id, a.actor_role, a.action, a.subject, a.details
from mpp.audit a cross join (select) read_only;
comment on view api.audit_log is 'The audit of privileged acts; sort by id. Staff only.';
grant select on api.audit_log to authenticated, service_role;
