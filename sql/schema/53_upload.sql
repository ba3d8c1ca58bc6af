-- What the worker that checks uploads is told, and what it records (`mpp photo check`): pictures and photos alike. All of
-- it is for the secret key.

create type api.upload as (bucket_id text, path text, media_type text);
comment on type api.upload is 'A file of Storage that waits for the worker, and the media type that its uploader gave.';

create function private.check_how_many(how_many integer) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_service();
    if how_many is null or how_many not between 1 and 1000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 1000.');
    end if;
end
$$;

create function private.uploads_to_check(how_many integer) returns setof api.upload
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.check_how_many(how_many);
    return query
    select f.bucket_id, f.name, f.metadata ->> 'mimetype'
    from storage.objects f
    where split_part(f.name, '/', 2) = 'new' and case f.bucket_id
        when 'profile-pictures' then exists (select from mpp.profile p where p.id = private.picture_account(f.name))
        when 'photos' then exists (select from mpp.photo p where p.id = private.photo_of(f.name) and p.state = 'expected')
    end
    order by f.created_at, f.name
    limit how_many;
end
$$;
grant execute on function private.uploads_to_check to service_role;

create function api.uploads_to_check(how_many integer default 100) returns setof api.upload
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.uploads_to_check(how_many); end;
comment on function api.uploads_to_check is 'Lists uploaded pictures and photos that nobody has checked, the longest waiting first. Secret key only. Errors: MP006, MP010.';
grant execute on function api.uploads_to_check to service_role;

-- A photo that was taken back meanwhile, or was recorded otherwise, is shown to nobody.
create function private.record_photo(path text, problem api.image_problem) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.photo;
begin
    select * into p from mpp.photo x
    where x.id = private.photo_of(path) and x.account_id = private.picture_account(path)
    for no key update;
    if p.state is distinct from 'expected' then
        return (p.state = 'submitted' and problem is null) is true;
    end if;
    if problem is null and not exists (
        select from storage.objects f where f.bucket_id = 'photos' and f.name = private.checked_path(path)
    ) then
        perform private.refuse('MP010', 'path', 'its checked file is not there', 'Write the checked file first.');
    end if;
    update mpp.photo x
    set state = case when record_photo.problem is null then 'submitted' else 'faulty' end::api.photo_state, problem = record_photo.problem
    where x.id = p.id;
    return true;
end
$$;

create function private.record_upload(bucket_id text, path text, problem api.image_problem) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_service();
    if private.picture_account(path) is null or split_part(path, '/', 2) <> 'new' then
        perform private.refuse('MP010', 'path', coalesce(left(path, 120), 'it is empty'), 'Give a path of uploads_to_check.');
    end if;
    if bucket_id = 'profile-pictures' then
        return private.record_picture(path, problem);
    elsif bucket_id = 'photos' then
        return private.record_photo(path, problem);
    end if;
    perform private.refuse('MP010', 'bucket_id', coalesce(left(bucket_id, 60), 'it is empty'), 'Use profile-pictures or photos.');
    return false;
end
$$;
grant execute on function private.record_upload to service_role;

create function api.record_upload(bucket_id text, path text, problem api.image_problem default null) returns boolean
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_upload(bucket_id, path, problem); end;
comment on function api.record_upload is 'Records what became of an uploaded picture or photo. Without a problem its checked file is shown: a picture to the leagues of its owner, instead of the one before; a photo to who shared it and to the staff. False when the upload is gone or was taken back: then nothing is shown. Secret key only. Errors: MP006, MP010.';
grant execute on function api.record_upload to service_role;

-- An upload that was recorded, and a checked file that nobody is shown: it was replaced or refused, or its worker was cut
-- off. A checked file whose upload still waits is about to be recorded.
create function private.uploads_to_remove(how_many integer) returns setof api.upload
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.check_how_many(how_many);
    return query
    select f.bucket_id, f.name, f.metadata ->> 'mimetype'
    from storage.objects f
    where case
        when f.bucket_id = 'profile-pictures' and split_part(f.name, '/', 2) = 'new'
            then not exists (select from mpp.profile p where p.id = private.picture_account(f.name))
        when f.bucket_id = 'profile-pictures'
            then not exists (select from mpp.picture c where c.account_id = private.picture_account(f.name) and c.path = f.name)
                and not exists (
                    select from storage.objects u
                    where u.bucket_id = f.bucket_id and u.name in (
                        select split_part(f.name, '/', 1) || '/new/' || split_part(split_part(f.name, '/', 2), '.', 1) || e.ending
                        from unnest(array['.jpg', '.jpeg', '.png', '.webp']) e (ending)
                    )
                )
        when f.bucket_id = 'photos' and split_part(f.name, '/', 2) = 'new'
            then not exists (select from mpp.photo p where p.id = private.photo_of(f.name) and p.state = 'expected')
        when f.bucket_id = 'photos'
            then not exists (
                select from mpp.photo p
                where p.id = private.photo_of(f.name) and p.state in ('expected', 'submitted', 'approved', 'used')
            )
    end
    order by f.created_at, f.name
    limit how_many;
end
$$;
grant execute on function private.uploads_to_remove to service_role;

create function api.uploads_to_remove(how_many integer default 100) returns setof api.upload
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select * from private.uploads_to_remove(how_many); end;
comment on function api.uploads_to_remove is 'Lists files of pictures and photos that are shown to nobody any more: replaced, refused, taken back, or of an account that is erased. Have Storage delete them. Secret key only. Errors: MP006, MP010.';
grant execute on function api.uploads_to_remove to service_role;
