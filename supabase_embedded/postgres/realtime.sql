-- Schema realtime as hosted Supabase has it, as far as policies and functions of a project touch it: messages by broadcast,
-- from the database to private topics. Run as supabase_admin, any number of times. What watches tables for changes
-- (postgres_changes) is not here. Hosted makes a partition of the messages for each day and drops old ones; here they lie in
-- one partition, and our server deletes what is older than three days.

create schema if not exists realtime;
grant usage on schema realtime to postgres, anon, authenticated, service_role;
grant all on schema realtime to supabase_realtime_admin;

create sequence if not exists realtime.messages_number;

create table if not exists realtime.messages (
    topic text not null,
    extension text not null,
    payload jsonb,
    event text,
    private boolean default false,
    -- Hosted takes now() as it is, in the zone of whoever sends.
    updated_at timestamp not null default (now() at time zone 'UTC'),
    inserted_at timestamp not null default (now() at time zone 'UTC'),
    id uuid not null default gen_random_uuid(),
    -- These two are ours. Hosted reads messages from the write-ahead log, in the order of commits; our server reads what
    -- one snapshot shows and the snapshot before did not.
    transaction_id xid8 not null default pg_current_xact_id(),
    number bigint not null default nextval('realtime.messages_number'),
    primary key (id, inserted_at)
) partition by range (inserted_at);
create table if not exists realtime.messages_default partition of realtime.messages default;
-- Hosted has the columns of this one the other way round: its partitions are small.
create index if not exists messages_topic_inserted_at on realtime.messages (topic, inserted_at desc)
    where extension = 'broadcast' and private;
create index if not exists messages_transaction_id on realtime.messages (transaction_id);

alter table realtime.messages owner to supabase_realtime_admin;
alter table realtime.messages_default owner to supabase_realtime_admin;
alter sequence realtime.messages_number owner to supabase_realtime_admin;
alter table realtime.messages enable row level security;
alter table realtime.messages_default enable row level security;
-- Whoever may insert reads the next number. No policy, no row.
grant select, insert, update on realtime.messages to anon, authenticated, service_role;
grant all on realtime.messages to postgres, dashboard_user;
grant usage on sequence realtime.messages_number to anon, authenticated, service_role, postgres;

-- The topic that a policy is asked about.
create or replace function realtime.topic() returns text
    language sql
    stable
as $$
    select nullif(current_setting('realtime.topic', true), '')::text
$$;

-- Never fails: what cannot be sent is a warning in the log, and the transaction that sends goes on.
create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
    language plpgsql
as $$
declare
    generated_id uuid;
    final_payload jsonb;
begin
    begin
        generated_id := gen_random_uuid();
        if payload ? 'id' then
            final_payload := payload;
        else
            final_payload := jsonb_set(payload, '{id}', to_jsonb(generated_id));
        end if;
        execute format('set local realtime.topic to %L', topic);
        insert into realtime.messages (id, payload, event, topic, private, extension)
        values (generated_id, final_payload, event, topic, private, 'broadcast');
    exception
        when others then
            raise warning 'ErrorSendingBroadcastMessage: %', sqlerrm;
    end;
end
$$;

create or replace function realtime.broadcast_changes(
    topic_name text, event_name text, operation text, table_name text, table_schema text, new record, old record,
    level text default 'ROW'
) returns void
    language plpgsql
as $$
begin
    if level = 'STATEMENT' then
        raise exception 'function can only be triggered for each row, not for each statement';
    end if;
    if operation not in ('INSERT', 'UPDATE', 'DELETE') then
        raise exception 'Unexpected operation type: %', operation;
    end if;
    perform realtime.send(
        jsonb_build_object('old_record', to_jsonb(old), 'record', to_jsonb(new), 'operation', operation,
            'table', table_name, 'schema', table_schema),
        event_name, topic_name);
end
$$;

-- Wakes our server. Sending a notification makes the commits of all writers queue behind each other, so it is sent only
-- while the server sleeps, which it shows by holding this lock alone. Whoever gets the lock keeps it until they commit, so
-- the server cannot go to sleep before it has read what they wrote.
create or replace function realtime.wake() returns trigger
    language plpgsql
as $$
begin
    if not pg_try_advisory_xact_lock_shared(5927103846511) then
        notify realtime_messages;
    end if;
    return null;
end
$$;

create or replace trigger messages_wake
    after insert on realtime.messages
    for each statement execute function realtime.wake();

-- Hosted, an extension of the server lets postgres make policies on the messages without owning them. Here it is a member of
-- their owner, and whatever else would change the schema is refused.
do $$
begin
    if current_setting('server_version_num')::integer >= 160000 then
        execute 'grant supabase_realtime_admin to postgres with inherit true, set false';
    else
        grant supabase_realtime_admin to postgres;
    end if;
end
$$;

create or replace function extensions.guard_realtime() returns event_trigger
    language plpgsql
    set search_path = ''
as $$
declare
    refused text;
begin
    if session_user <> 'postgres' then
        return;
    elsif tg_event = 'sql_drop' then
        select d.object_identity into refused
        from pg_event_trigger_dropped_objects() d
        where d.schema_name = 'realtime' and d.original and d.object_type <> 'policy';
    else
        select c.object_identity into refused
        from pg_event_trigger_ddl_commands() c
        where c.schema_name = 'realtime' and c.command_tag not in ('CREATE POLICY', 'ALTER POLICY');
    end if;
    if refused is not null then
        raise exception 'must be owner of %', refused
            using hint = 'Hosted, postgres may only make policies on the messages of Realtime.', errcode = 'insufficient_privilege';
    end if;
end
$$;

drop event trigger if exists guard_realtime;
create event trigger guard_realtime on ddl_command_end execute function extensions.guard_realtime();
drop event trigger if exists guard_realtime_drop;
create event trigger guard_realtime_drop on sql_drop execute function extensions.guard_realtime();
