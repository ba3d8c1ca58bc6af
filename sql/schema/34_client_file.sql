-- The communication kit of a client: files of the private bucket client-files, which Supabase Storage keeps. Policies
-- on the rows of storage.objects say who may do what with them. Another use of Storage gets another bucket with
-- policies of its own.

-- Nothing that a browser would run: no HTML, no SVG. supabase/config.toml has the same limits.
insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values (
    'client-files',
    'client-files',
    false,
    52428800,
    array[
        'application/pdf', 'image/png', 'image/jpeg', 'image/webp', 'video/mp4',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
        'application/vnd.openxmlformats-officedocument.presentationml.presentation',
        'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
        'application/vnd.oasis.opendocument.text', 'application/vnd.oasis.opendocument.presentation',
        'application/zip', 'text/csv', 'text/calendar', 'text/plain'
    ]
)
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

-- The organisation that a path names: <organisation>/<file> or <organisation>/<folder>/<file>; null for any other path.
-- Each organisation has one spelling: no zeros before the number, no digits of other scripts, no step upwards.
create function private.file_organisation(path text) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when octet_length(path) <= 160
            and path ~ '^[1-9][0-9]{0,8}/([a-z0-9][a-z0-9-]{0,39}/)?[A-Za-z0-9][A-Za-z0-9 ._()-]*\.[A-Za-z0-9]+$'
            and path !~ '\.\.|  | \.'
            -- A computer decides by the ending what a saved file is, not by its type.
            and lower(substring(path from '[^.]*$')) in (
                'pdf', 'png', 'jpg', 'jpeg', 'webp', 'mp4', 'docx', 'pptx', 'xlsx', 'odt', 'odp', 'zip', 'csv', 'ics', 'txt'
            )
        then split_part(path, '/', 1)::integer
    end
$$;
grant execute on function private.file_organisation to authenticated;

-- The organisations whose kit the caller may read, or write to. Writing takes a manager or the association's staff.
create function private.my_kit_ids(writing boolean) returns setof integer
    language plpgsql stable security definer rows 5 set search_path = pg_catalog, pg_temp
as $$
begin
    if writing and not private.is_ops()
        and exists (select from mpp.maintenance_window w where tstzrange(w.starts_at, w.ends_at) @> (select private.read_clock())) then
        return;
    end if;
    return query
    select c.id from private.my_client_ids(case when writing then 'manager' else 'viewer' end::api.staff_role) c (id);
end
$$;
grant execute on function private.my_kit_ids to authenticated;

-- Staff read the files of their organisation while they have access. A signed link goes on working after that, for
-- anybody who has it: so only the association makes links.
create policy client_file_select_authenticated on storage.objects
    for select to authenticated
    using (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => false))
        and (
            (select private.is_ops())
            or coalesce((select storage.operation()), '') not in ('storage.object.sign', 'storage.object.sign_many')
        )
    );

-- The association keeps the kit. The folder own/ is for the client's managers: its logo, its own posters.
create policy client_file_insert_authenticated on storage.objects
    for insert to authenticated
    with check (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => true))
        and (
            (select private.is_ops())
            or (
                split_part(name, '/', 2) = 'own'
                and coalesce((select storage.operation()), '') <> 'storage.object.sign_upload_url'
            )
        )
    );

create policy client_file_update_authenticated on storage.objects
    for update to authenticated
    using (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => true))
        and ((select private.is_ops()) or split_part(name, '/', 2) = 'own')
    )
    with check (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => true))
        and ((select private.is_ops()) or split_part(name, '/', 2) = 'own')
    );

create policy client_file_delete_authenticated on storage.objects
    for delete to authenticated
    using (
        bucket_id = 'client-files'
        and private.file_organisation(name) in (select private.my_kit_ids(writing => true))
        and ((select private.is_ops()) or split_part(name, '/', 2) = 'own')
    );

-- Checks what holds for everybody, even the secret key. It fires after the row, not before: the policies have then
-- refused whoever may not write, who learns nothing of what is there. It locks the row of the organisation, so that two
-- uploads at a time cannot both be the last one, and nobody deletes the organisation in between.
create function private.check_client_file() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    organisation integer := private.file_organisation(new.name);
    files integer;
    own_files integer;
begin
    if tg_op = 'UPDATE' and (
        old.bucket_id is distinct from new.bucket_id
        or private.file_organisation(old.name) is distinct from organisation
    ) then
        raise exception 'A file of a client stays in its organisation: copy it instead.' using errcode = 'insufficient_privilege';
    end if;
    if organisation is null then
        raise exception 'This is not a name for a file of a client.'
            using hint = 'Use <organisation id>/<file> or <organisation id>/<folder>/<file>: letters, digits, spaces and ._()- in the file, small letters in the folder, a usual ending, 160 characters at most.',
                errcode = 'insufficient_privilege';
    end if;
    perform from mpp.organisation o where o.id = organisation for no key update;
    if not found then
        raise exception 'There is no organisation %.', organisation using errcode = 'insufficient_privilege';
    end if;
    select count(*), count(*) filter (where split_part(f.name, '/', 2) = 'own') into files, own_files
    from storage.objects f
    where f.bucket_id = 'client-files' and f.name like organisation || '/%';
    if files > 200 or own_files > 40 then
        raise exception 'An organisation has 200 files at most, 40 of them its own.' using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;

create trigger client_file_checked_when_added
    after insert on storage.objects
    for each row when (new.bucket_id = 'client-files')
    execute function private.check_client_file();

create trigger client_file_checked_when_moved
    after update of bucket_id, name on storage.objects
    for each row when (old.bucket_id = 'client-files' or new.bucket_id = 'client-files')
    execute function private.check_client_file();

-- SQL cannot delete a file, only its row. So Storage must delete the files first, then the organisation can go.
create function private.keep_organisation_of_files() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from storage.objects f where f.bucket_id = 'client-files' and f.name like old.id || '/%'
    ) then
        raise exception 'Organisation % still has files.', old.code
            using hint = 'Remove them first, with `mpp client files remove`.', errcode = 'foreign_key_violation';
    end if;
    return old;
end
$$;

create trigger organisation_keeps_its_files
    before delete on mpp.organisation
    for each row execute function private.keep_organisation_of_files();
