-- Schema storage as hosted Supabase has it, as far as policies, triggers and migrations of a project touch it. Run as
-- supabase_admin, any number of times. What only the S3 protocol, resumable uploads, analytics and vectors need is not
-- here, nor are the search functions: our server lists by plain queries.

create schema if not exists storage;
alter schema storage owner to supabase_storage_admin;
grant usage on schema storage to postgres, anon, authenticated, service_role;
grant all on schema storage to dashboard_user;

set local role supabase_storage_admin;

do $$
begin
    if to_regtype('storage.buckettype') is null then
        create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');
    end if;
end
$$;

create table if not exists storage.buckets (
    id text primary key,
    name text not null,
    owner uuid,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    public boolean default false,
    avif_autodetection boolean default false,
    file_size_limit bigint,
    allowed_mime_types text[],
    owner_id text,
    type storage.buckettype not null default 'STANDARD'
);
create unique index if not exists bname on storage.buckets (name);
comment on column storage.buckets.owner is 'Field is deprecated, use owner_id instead';

create table if not exists storage.objects (
    id uuid primary key default gen_random_uuid(),
    bucket_id text,
    name text,
    owner uuid,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    last_accessed_at timestamptz default now(),
    metadata jsonb,
    path_tokens text[] generated always as (string_to_array(name, '/')) stored,
    version text,
    owner_id text,
    user_metadata jsonb,
    constraint "objects_bucketId_fkey" foreign key (bucket_id) references storage.buckets (id)
);
create unique index if not exists bucketid_objname on storage.objects (bucket_id, name);
create index if not exists name_prefix_search on storage.objects (name text_pattern_ops);
comment on column storage.objects.owner is 'Field is deprecated, use owner_id instead';

alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;
grant all on storage.buckets, storage.objects to postgres with grant option;

create or replace function storage.foldername(name text) returns text[]
    language plpgsql
    immutable
as $$
declare
    parts text[] := string_to_array(name, '/');
begin
    return parts[1 : cardinality(parts) - 1];
end
$$;

create or replace function storage.filename(name text) returns text
    language plpgsql
    immutable
as $$
begin
    return split_part(name, '/', -1);
end
$$;

create or replace function storage.extension(name text) returns text
    language plpgsql
    immutable
as $$
begin
    return split_part(split_part(name, '/', -1), '.', -1);
end
$$;

-- Which request of the Storage API is being answered, such as storage.object.sign.
create or replace function storage.operation() returns text
    language plpgsql
    stable
as $$
begin
    return current_setting('storage.operation', true);
end
$$;

create or replace function storage.allow_any_operation(expected_operations text[]) returns boolean
    language sql
    stable
as $$
    select exists (
        select
        from unnest(expected_operations) as e (operation)
        where e.operation <> ''
            and regexp_replace(e.operation, '^storage\.', '') = regexp_replace(storage.operation(), '^storage\.', '')
    )
$$;

create or replace function storage.allow_only_operation(expected_operation text) returns boolean
    language sql
    stable
as $$
    select storage.allow_any_operation(array[expected_operation])
$$;

create or replace function storage.update_updated_at_column() returns trigger
    language plpgsql
as $$
begin
    new.updated_at := now();
    return new;
end
$$;

create or replace trigger update_objects_updated_at
    before update on storage.objects
    for each row execute function storage.update_updated_at_column();

create or replace function storage.enforce_bucket_name_length() returns trigger
    language plpgsql
as $$
begin
    if length(new.name) > 100 then
        raise exception 'bucket name "%" is too long (% characters). Max is 100.', new.name, length(new.name);
    end if;
    return new;
end
$$;

create or replace trigger enforce_bucket_name_length_trigger
    before insert or update of name on storage.buckets
    for each row execute function storage.enforce_bucket_name_length();

-- A row deleted by hand would leave its bytes behind: files go through the Storage API, which sets this variable.
create or replace function storage.protect_delete() returns trigger
    language plpgsql
as $$
begin
    if coalesce(current_setting('storage.allow_delete_query', true), '') <> 'true' then
        raise exception 'Direct deletion from storage tables is not allowed. Use the Storage API instead.'
            using hint = 'This prevents accidental data loss from orphaned objects.', errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;

create or replace trigger protect_buckets_delete
    before delete on storage.buckets
    for each statement execute function storage.protect_delete();

create or replace trigger protect_objects_delete
    before delete on storage.objects
    for each statement execute function storage.protect_delete();

reset role;

-- Hosted, an extension of the server lets postgres manage the policies of these tables without owning them. Here it is a
-- member of their owner, and what hosted would refuse it is refused by name, so that no migration passes here only.
do $$
begin
    if current_setting('server_version_num')::integer >= 160000 then
        execute 'grant supabase_storage_admin to postgres with inherit true, set false';
    else
        grant supabase_storage_admin to postgres;
    end if;
end
$$;

create or replace function extensions.guard_storage() returns event_trigger
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
        where d.schema_name = 'storage' and d.original and d.object_type not in ('policy', 'trigger');
    else
        select c.object_identity into refused
        from pg_event_trigger_ddl_commands() c
        where c.schema_name = 'storage' and c.command_tag not in ('CREATE POLICY', 'ALTER POLICY', 'CREATE TRIGGER');
    end if;
    if refused is not null then
        raise exception 'must be owner of %', refused
            using hint = 'Hosted, postgres may only make policies and triggers on the tables of storage.',
                errcode = 'insufficient_privilege';
    end if;
end
$$;

drop event trigger if exists guard_storage;
create event trigger guard_storage on ddl_command_end execute function extensions.guard_storage();
drop event trigger if exists guard_storage_drop;
create event trigger guard_storage_drop on sql_drop execute function extensions.guard_storage();
