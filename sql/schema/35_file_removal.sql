-- Files that must go. SQL can only delete the row of a file, and then nobody finds its bytes: so it queues them here, and
-- `mpp privacy files` has Storage delete them.

create table mpp.file_removal (
    id bigint generated always as identity primary key,
    bucket_id text not null,
    path text not null,
    queued_at timestamptz not null default private.clock(),
    constraint file_removal_once unique (bucket_id, path)
);
comment on table mpp.file_removal is 'Files that Storage has yet to delete.';
comment on column mpp.file_removal.path is 'Where the file is; it begins with the id of an account that is erased. Read with the secret key only; goes with the file.';

alter table mpp.file_removal enable row level security;

-- The files of an account, which lie in a folder of its id. The kit of a client lies in a folder of the client, and stays.
create function private.queue_file_removals(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.file_removal (bucket_id, path)
    select f.bucket_id, f.name
    from storage.objects f
    where f.name like account || '/%'
    on conflict on constraint file_removal_once do nothing;
end
$$;

create type api.file_removal as (id bigint, bucket_id text, path text, queued_at timestamptz);
comment on type api.file_removal is 'A file that Storage has yet to delete.';

-- It forgets what is gone and takes up what came late, so whoever empties the queue asks again until nothing is left. An
-- upload that was under way while its account was erased has queued nothing: its folder and its uploader name an account
-- that is not there.
create function private.files_to_remove(how_many integer) returns setof api.file_removal
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_service();
    if how_many is null or how_many not between 1 and 1000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 1000.');
    end if;
    insert into mpp.file_removal (bucket_id, path)
    select f.bucket_id, f.name
    from storage.objects f
    where f.owner_id = split_part(f.name, '/', 1)
        and f.owner_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        and not exists (select from auth.users u where u.id::text = f.owner_id)
    limit how_many
    on conflict on constraint file_removal_once do nothing;
    delete from mpp.file_removal r
    where not exists (select from storage.objects f where f.bucket_id = r.bucket_id and f.name = r.path);
    return query
    select r.id, r.bucket_id, r.path, r.queued_at from mpp.file_removal r order by r.id limit how_many;
end
$$;
grant execute on function private.files_to_remove to service_role;

create function api.files_to_remove(how_many integer default 100) returns setof api.file_removal
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.files_to_remove(how_many); end;
comment on function api.files_to_remove is 'Lists files of erased accounts that Storage has yet to delete, the longest waiting first. Have Storage delete them and ask again, until none is left. Secret key only. Errors: MP006, MP010.';
grant execute on function api.files_to_remove to service_role;
