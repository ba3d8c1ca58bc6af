-- Profile pictures: files of the private bucket profile-pictures. Postgres cannot tell an image from anything else, so
-- nobody but its owner reads what was uploaded. A worker with the secret key (`mpp photo check`) decodes it, writes a
-- smaller image without metadata, and records it here; only that one is shown to the league.
--
-- An upload is <account>/new/<32 hex digits>.<ending>, and what became of it <account>/<the same digits>.jpg: so a
-- worker that is cut off does the same again and finds its own file.

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('profile-pictures', 'profile-pictures', false, 5242880, array['image/jpeg', 'image/png', 'image/webp'])
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

create type api.image_problem as enum ('unreadable', 'another_type', 'too_many_pixels');

create table mpp.picture (
    account_id uuid primary key references mpp.profile (id) on delete cascade,
    path text,
    checked_at timestamptz not null,
    problem api.image_problem,
    constraint picture_path_of_account check (path ~ ('^' || account_id || '/[0-9a-f]{32}\.jpg$')),
    constraint picture_shown_or_refused check (path is not null or problem is not null)
);
comment on table mpp.picture is 'The picture that the league of a person sees, and what became of their last upload.';
comment on column mpp.picture.path is 'The checked file. Purpose: being recognised in one''s league. Read by the person and the members of their leagues; kept until the person removes it or the account is erased.';
comment on column mpp.picture.problem is 'Why the last upload was refused; null when it was taken.';

-- The account of a path, and null for what is no path of a picture.
create function private.picture_account(path text) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when path ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/([0-9a-f]{32}\.jpg|new/[0-9a-f]{32}\.(jpg|jpeg|png|webp))$'
        then split_part(path, '/', 1)::uuid
    end
$$;
grant execute on function private.picture_account to authenticated;

-- The account whose pictures the caller may read, or write: their own, if they have a profile.
create function private.my_picture_account(writing boolean) returns uuid
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
begin
    if account is null or private.is_anonymous() or not exists (select from mpp.profile p where p.id = account) then
        return null;
    end if;
    if writing and exists (
        select from mpp.maintenance_window w where tstzrange(w.starts_at, w.ends_at) @> private.read_clock()
    ) then
        return null;
    end if;
    return account;
end
$$;
grant execute on function private.my_picture_account to authenticated;

-- The checked pictures of those who play in a league with the caller, or run it. Families of a class are in no league:
-- they see points.
create function private.my_league_pictures() returns setof text
    language plpgsql stable security definer rows 30 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
    leagues uuid[];
begin
    if account is null or private.is_anonymous() then
        return;
    end if;
    leagues := array(
        select p.league_id from mpp.player p where p.account_id = account and p.league_id is not null
        union
        select a.league_id from mpp.ambassador a where a.account_id = account
    );
    return query
    select c.path
    from mpp.picture c
    where c.path is not null and c.account_id in (
        select p.account_id from mpp.player p where p.league_id = any (leagues)
        union
        select a.account_id from mpp.ambassador a where a.league_id = any (leagues)
    );
end
$$;
grant execute on function private.my_league_pictures to authenticated;

alter table mpp.picture enable row level security;

create policy picture_select_owner on mpp.picture
    for select to authenticated
    using (account_id = (select private.my_picture_account(writing => false)));

grant select on mpp.picture to authenticated;

create view api.my_picture with (security_invoker = true) as
select p.path, p.checked_at, p.problem
from mpp.picture p cross join (select) read_only;
comment on view api.my_picture is 'The caller''s picture: path is the checked file that their leagues see, problem why their last upload was refused. No row until the first upload was checked.';
grant select on api.my_picture to authenticated;

-- Nobody signs links: one goes on working for whoever has it, also after an expulsion.
create policy picture_select_authenticated on storage.objects
    for select to authenticated
    using (
        bucket_id = 'profile-pictures'
        and coalesce((select storage.operation()), '') not in ('storage.object.sign', 'storage.object.sign_many')
        and (
            private.picture_account(name) = (select private.my_picture_account(writing => false))
            or name in (select private.my_league_pictures())
        )
    );

create policy picture_insert_authenticated on storage.objects
    for insert to authenticated
    with check (
        bucket_id = 'profile-pictures'
        and private.picture_account(name) = (select private.my_picture_account(writing => true))
        and split_part(name, '/', 2) = 'new'
        and coalesce((select storage.operation()), '') <> 'storage.object.sign_upload_url'
    );

-- There is no policy for updates: an upload that is being checked stays what it is. Replacing is another upload.
create policy picture_delete_authenticated on storage.objects
    for delete to authenticated
    using (
        bucket_id = 'profile-pictures'
        and private.picture_account(name) = (select private.my_picture_account(writing => true))
    );

-- What holds for the secret key too. It fires after the row, hence after the policies. The profile keeps an account that
-- is being erased from getting another file.
create function private.check_picture_file() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.picture_account(new.name);
begin
    if account is null or tg_op = 'UPDATE' and (new.bucket_id, new.name) is distinct from (old.bucket_id, old.name) then
        raise exception 'This is not a name for a picture.'
            using hint = 'Use <account id>/new/<32 hex digits>.jpg, .png or .webp.', errcode = 'insufficient_privilege';
    end if;
    -- What the worker was about to write when the account was erased is removed as what nobody sees.
    if split_part(new.name, '/', 2) <> 'new' then
        return null;
    end if;
    perform from mpp.profile p where p.id = account for key share;
    if not found then
        raise exception 'This account has no profile.' using errcode = 'insufficient_privilege';
    end if;
    perform pg_advisory_xact_lock(hashtext('mpp.picture'), hashtext(account::text));
    if (select count(*) from storage.objects f where f.bucket_id = 'profile-pictures' and f.name like account || '/new/%') > 3 then
        raise exception 'Three pictures at most wait to be checked.' using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;

create trigger picture_file_checked_when_added
    after insert on storage.objects
    for each row when (new.bucket_id = 'profile-pictures')
    execute function private.check_picture_file();

create trigger picture_file_checked_when_moved
    after update of bucket_id, name on storage.objects
    for each row when (old.bucket_id = 'profile-pictures' or new.bucket_id = 'profile-pictures')
    execute function private.check_picture_file();

-- Whoever removes the file removes the picture.
create function private.picture_file_gone() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.picture_account(old.name);
begin
    delete from mpp.picture c where c.account_id = account and c.path = old.name;
    if found then
        perform private.lock_editions_of(account);
        update mpp.profile p set picture_path = null where p.id = account and p.picture_path = old.name;
    end if;
    return null;
end
$$;

create trigger picture_file_gone
    after delete on storage.objects
    for each row when (old.bucket_id = 'profile-pictures')
    execute function private.picture_file_gone();

-- The checked file of an upload.
create function private.checked_path(upload text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select split_part(upload, '/', 1) || '/' || split_part(split_part(upload, '/', 3), '.', 1) || '.jpg' $$;

-- An upload that its owner has removed meanwhile is shown to nobody.
create function private.record_picture(path text, problem api.image_problem) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.picture_account(path);
    checked text := private.checked_path(path);
begin
    perform from mpp.profile p where p.id = account for key share;
    if not found then
        return false;
    end if;
    perform private.lock_editions_of(account);
    perform pg_advisory_xact_lock(hashtext('mpp.picture'), hashtext(account::text));
    if not exists (select from storage.objects f where f.bucket_id = 'profile-pictures' and f.name = record_picture.path) then
        return false;
    end if;
    if problem is null and not exists (select from storage.objects f where f.bucket_id = 'profile-pictures' and f.name = checked) then
        perform private.refuse('MP010', 'path', 'its checked file is not there', 'Write the checked file first.');
    end if;
    insert into mpp.picture as c (account_id, path, checked_at, problem)
    values (account, case when problem is null then checked end, private.clock(), problem)
    on conflict (account_id) do update
    set path = coalesce(excluded.path, c.path), checked_at = excluded.checked_at, problem = excluded.problem;
    if problem is null then
        update mpp.profile p set picture_path = checked where p.id = account;
    end if;
    return true;
end
$$;
