-- Photos that ambassadors and teachers share with the association for its communication: files of the private bucket
-- photos, and what is known of each. A file waits to be checked as a profile picture does (48_picture); then its sharer
-- and the staff see it, and nobody else. What the staff publish elsewhere they take down when they are asked.

insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types)
values ('photos', 'photos', false, 10485760, array['image/jpeg', 'image/png', 'image/webp'])
on conflict (id) do update
set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types;

insert into mpp.setting (name, value, allowed, about) values
    ('photo_removal_days', '7', '[1-9]|[12][0-9]|30',
        'Within how many days a photo is removed once somebody who is on it asks, from 1 to 30.'),
    ('photo_link_seconds', '60', '[3-9][0-9]|[12][0-9][0-9]|300',
        'How long a link to a photo works that the staff make to look at it: 30 to 300 seconds.');

create table mpp.photo_text (
    number integer primary key check (number > 0),
    body mpp.translated not null,
    published_at timestamptz not null default private.clock()
);
comment on table mpp.photo_text is 'What somebody declares who shares a photo. A correction is a new number.';

insert into mpp.photo_text (number, body) values (1, '{
    "fr": "Je déclare que toutes les personnes reconnaissables sur cette photo, et les responsables légaux des mineur·es, acceptent qu’elle soit transmise à Ma Petite Planète et utilisée dans sa communication. J’accepte cette utilisation. Je peux retirer la photo à tout moment, et toute personne qui y figure peut demander son retrait.",
    "en": "I declare that everybody who can be recognised on this photo, and the guardians of minors, agree that it is given to Ma Petite Planète and used in its communication. I agree to that use. I can take the photo back at any time, and anybody who is on it can ask for its removal.",
    "de": "Ich erkläre, dass alle auf diesem Foto erkennbaren Personen und die Sorgeberechtigten von Minderjährigen einverstanden sind, dass es Ma Petite Planète übergeben und für deren Kommunikation verwendet wird. Ich bin mit dieser Verwendung einverstanden. Ich kann das Foto jederzeit zurückziehen, und wer darauf ist, kann seine Entfernung verlangen."
}');

create type api.photo_state as enum (
    'expected', -- -> submitted, faulty
    'submitted', -- -> approved, refused
    'approved', -- -> used, refused
    'used', -- -> used (elsewhere too)
    'refused',
    'faulty'
);

create table mpp.photo (
    id uuid primary key default gen_random_uuid(),
    reference text not null default private.new_join_code() constraint photo_reference_once unique,
    league_id uuid not null references mpp.league (id),
    account_id uuid not null references mpp.profile (id) on delete cascade,
    caption text not null check (char_length(caption) between 1 and 200),
    text_number integer not null references mpp.photo_text (number),
    shared_at timestamptz not null default private.clock(),
    state api.photo_state not null default 'expected',
    problem api.image_problem,
    used_for text check (char_length(used_for) between 1 and 1000),
    constraint photo_used_somewhere check ((state = 'used') = (used_for is not null)),
    constraint photo_faulty_has_problem check ((state = 'faulty') = (problem is not null))
);
comment on table mpp.photo is 'Photos that were shared for the association''s communication.';
comment on column mpp.photo.reference is 'What is printed beside the photo where it is published: whoever is on it asks for its removal by it.';
comment on column mpp.photo.account_id is 'Who shared it. Purpose: proof of the declaration. Read by the person and the staff; kept until the photo is removed or the account is erased.';
comment on column mpp.photo.caption is 'What the sharer says of it, without names of pupils. Read by the person and the staff; kept as long as the photo.';
comment on column mpp.photo.text_number is 'What the sharer declared about those shown.';
comment on column mpp.photo.used_for is 'Where the staff published it.';
create index photo_league on mpp.photo (league_id);
create index photo_account on mpp.photo (account_id, shared_at);
create index photo_text_number on mpp.photo (text_number);

create table mpp.photo_removal (
    id integer generated always as identity primary key,
    reference text not null,
    photo_id uuid references mpp.photo (id) on delete set null,
    cause text not null check (cause in ('asked', 'withdrawn', 'erased')),
    note text check (char_length(note) between 1 and 500),
    used_for text,
    asked_at timestamptz not null default private.clock(),
    due_at timestamptz not null,
    done_at timestamptz,
    constraint photo_removal_forgets_note check (note is null or done_at is null)
);
comment on table mpp.photo_removal is 'Photos that the staff must remove, here and where they were published, and until when.';
comment on column mpp.photo_removal.note is 'What somebody who is on the photo wrote. Purpose: removing it. Read by the staff; emptied once it is removed.';
comment on column mpp.photo_removal.used_for is 'Where the photo was published, when its row is gone already.';
create index photo_removal_photo on mpp.photo_removal (photo_id) where photo_id is not null;
create index photo_removal_reference on mpp.photo_removal (reference) where done_at is null;

-- The photo that a path belongs to, and null for what is no path of a photo.
create function private.photo_of(path text) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when path ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/([0-9a-f]{32}\.jpg|new/[0-9a-f]{32}\.(jpg|jpeg|png|webp))$'
        then split_part(regexp_replace(path, '^.*/', ''), '.', 1)::uuid
    end
$$;
grant execute on function private.photo_of to authenticated;

create function private.leads_league(account uuid, league uuid) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from mpp.ambassador a where a.league_id = league and a.account_id = account);
end
$$;

-- Photos whose file the caller may send: of a league or class that they still run.
create function private.my_expected_photos() returns setof uuid
    language plpgsql stable security definer rows 3 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_picture_account(writing => true);
begin
    return query
    select p.id from mpp.photo p
    where p.account_id = account and p.state = 'expected' and private.leads_league(account, p.league_id);
end
$$;
grant execute on function private.my_expected_photos to authenticated;

create function private.my_photos() returns setof uuid
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_picture_account(writing => false);
begin
    return query select p.id from mpp.photo p where p.account_id = account;
end
$$;
grant execute on function private.my_photos to authenticated;

-- Photos that were checked and that the staff may look at.
create function private.photos_of_ops() returns setof uuid
    language plpgsql stable security definer rows 100 set search_path = pg_catalog, pg_temp
as $$
begin
    if private.is_ops() then
        return query select p.id from mpp.photo p where p.state in ('submitted', 'approved', 'used');
    end if;
end
$$;
grant execute on function private.photos_of_ops to authenticated;

alter table mpp.photo_text enable row level security;
alter table mpp.photo enable row level security;
alter table mpp.photo_removal enable row level security;

create policy photo_text_select_authenticated on mpp.photo_text
    for select to authenticated
    using ((select private.my_picture_account(writing => false)) is not null or (select private.is_ops()));

create policy photo_select_authenticated on mpp.photo
    for select to authenticated
    using (account_id = (select private.my_picture_account(writing => false)) or (select private.is_ops()));

create policy photo_removal_select_ops on mpp.photo_removal
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.photo_text, mpp.photo, mpp.photo_removal to authenticated, service_role;

-- The staff make links, which are short. Nobody else does.
create policy photo_select_authenticated on storage.objects
    for select to authenticated
    using (
        bucket_id = 'photos'
        and (
            private.photo_of(name) in (select private.my_photos())
                and coalesce((select storage.operation()), '') not in ('storage.object.sign', 'storage.object.sign_many')
            or private.photo_of(name) in (select private.photos_of_ops()) and split_part(name, '/', 2) <> 'new'
        )
    );

-- Nothing is updated or removed by hand: withdraw_photo takes a photo back.
create policy photo_insert_authenticated on storage.objects
    for insert to authenticated
    with check (
        bucket_id = 'photos'
        and private.picture_account(name) = (select private.my_picture_account(writing => true))
        and private.photo_of(name) in (select private.my_expected_photos())
        and split_part(name, '/', 2) = 'new'
        and coalesce((select storage.operation()), '') <> 'storage.object.sign_upload_url'
    );

-- What holds for the secret key too. The row of the photo keeps two files at a time from both being the first.
create function private.check_photo_file() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if private.photo_of(new.name) is null or tg_op = 'UPDATE' and (new.bucket_id, new.name) is distinct from (old.bucket_id, old.name) then
        raise exception 'This is not a name for a photo.'
            using hint = 'Use the path that share_photo answered, with the ending of the file.', errcode = 'insufficient_privilege';
    end if;
    if split_part(new.name, '/', 2) = 'new' then
        perform from mpp.photo p
        where p.id = private.photo_of(new.name) and p.account_id = private.picture_account(new.name) and p.state = 'expected'
        for no key update;
        if not found then
            raise exception 'No photo of this name is expected.' using errcode = 'insufficient_privilege';
        end if;
        if (
            select count(*) from storage.objects f
            where f.bucket_id = 'photos' and f.name like replace(split_part(new.name, '.', 1), '_', '\_') || '.%'
        ) > 1 then
            raise exception 'This photo has a file already.' using errcode = 'insufficient_privilege';
        end if;
    end if;
    return null;
end
$$;

create trigger photo_file_checked_when_added
    after insert on storage.objects
    for each row when (new.bucket_id = 'photos')
    execute function private.check_photo_file();

create trigger photo_file_checked_when_moved
    after update of bucket_id, name on storage.objects
    for each row when (old.bucket_id = 'photos' or new.bucket_id = 'photos')
    execute function private.check_photo_file();

create view api.photo_texts with (security_invoker = true) as
select t.number, t.body, t.published_at
from mpp.photo_text t cross join (select) read_only;
comment on view api.photo_texts is 'What somebody declares who shares a photo, by language; the highest number holds.';
grant select on api.photo_texts to authenticated, service_role;

create view api.my_photos with (security_invoker = true) as
select p.id, p.reference, p.league_id, p.caption, p.text_number, p.shared_at, p.state, p.problem, p.used_for
from mpp.photo p cross join (select) read_only
where p.account_id = (select private.my_picture_account(writing => false));
comment on view api.my_photos is 'Photos that the caller shared, and what became of them; withdraw_photo takes one back.';
grant select on api.my_photos to authenticated;

create view api.ops_photos with (security_invoker = true) as
select
    p.id, p.reference, p.league_id, l.name as league, l.school_id is not null as is_class, p.account_id, p.caption, p.text_number,
    p.shared_at, p.state, p.used_for,
    p.account_id || '/' || replace(p.id::text, '-', '') || '.jpg' as path,
    (select min(r.due_at) from mpp.photo_removal r where r.photo_id = p.id and r.done_at is null) as remove_by
from mpp.photo p
join mpp.league l on l.id = p.league_id
where (select private.is_ops());
comment on view api.ops_photos is 'Photos that were shared for communication; remove_by is set once somebody asked for its removal. Staff only.';
grant select on api.ops_photos to authenticated, service_role;

create view api.photo_removals with (security_invoker = true) as
select r.id, r.reference, r.cause, r.note, coalesce(p.used_for, r.used_for) as used_for, r.asked_at, r.due_at, r.done_at
from mpp.photo_removal r
left join mpp.photo p on p.id = r.photo_id
where (select private.is_ops());
comment on view api.photo_removals is 'Photos that must be removed, here and where they were published (used_for), until due_at. Staff only.';
grant select on api.photo_removals to authenticated, service_role;

-- Refuses a caption with the first name of a pupil of the class, however it is written.
create function private.refuse_pupil_name(league uuid, caption text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select from mpp.player p
        where p.league_id = league and p.alias is null and p.first_name <> '—'
            and ' ' || regexp_replace(private.folded(caption), '[-[:space:][:punct:]’]+', ' ', 'g') || ' '
                like '% ' || regexp_replace(private.folded(p.first_name), '[-[:space:][:punct:]’]+', ' ', 'g') || ' %'
    ) then
        perform private.refuse('MP073');
    end if;
end
$$;

create type api.shared_photo as (photo_id uuid, reference text, upload_path text);
comment on type api.shared_photo is 'A photo whose file is expected: upload it to upload_path with its ending, .jpg, .png or .webp.';

create function private.share_photo(league_id uuid, caption text, text_number integer) returns api.shared_photo
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    most constant integer := 10;
    account uuid := private.require_account();
    current_number integer := (select max(t.number) from mpp.photo_text t);
    made mpp.photo;
begin
    perform private.lock_profile(account, plays => false);
    -- One at a time, or twenty at once would all find room.
    perform from mpp.profile p where p.id = account for no key update;
    if not private.leads_league(account, league_id) then
        perform private.refuse('MP007');
    end if;
    if text_number is distinct from current_number then
        perform private.refuse('MP072', current_number::text);
    end if;
    if private.is_under(account, 15) then
        perform private.refuse('MP074', '15');
    end if;
    if (
        select count(*) from mpp.photo p where p.account_id = account and p.shared_at > private.clock() - interval '24 hours'
    ) >= most or (
        -- A photo that is taken back leaves its row in the audit.
        select count(*) from mpp.audit a
        where a.actor_id = account and a.action = 'photo.share' and a.at > private.clock() - interval '24 hours'
    ) >= most then
        perform private.refuse('MP047', most::text);
    end if;
    if (select count(*) from mpp.photo p where p.account_id = account) >= 100 then
        perform private.refuse('MP010', 'league_id', '100 photos are shared already', 'Take some back first.');
    end if;
    made.caption := private.clean_label('caption', share_photo.caption, 200);
    perform private.refuse_pupil_name(league_id, made.caption);
    insert into mpp.photo as p (league_id, account_id, caption, text_number)
    values (share_photo.league_id, account, made.caption, share_photo.text_number)
    returning * into made;
    perform private.record_act('photo.share', made.reference, jsonb_build_object('text', made.text_number));
    return (made.id, made.reference, account || '/new/' || replace(made.id::text, '-', ''))::api.shared_photo;
end
$$;
grant execute on function private.share_photo to authenticated;

create function api.share_photo(league_id uuid, caption text, text_number integer) returns api.shared_photo
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.share_photo(league_id, caption, text_number); end;
comment on function api.share_photo is 'Shares a photo of a league or class that the caller runs with the association, for its communication, declaring what photo_texts says under text_number. The caption names no pupil. The file is sent next. Ten a day, from the age of 15. Errors: MP001–MP003, MP007, MP010, MP011, MP047, MP055, MP072–MP074.';
grant execute on function api.share_photo to authenticated;

create function private.photo_removal_due(asked_at timestamptz) returns timestamptz
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$ begin return private.days_after(asked_at, private.setting('photo_removal_days')::integer); end $$;

-- What was published must be taken down where it is, whoever ends the photo.
create function private.photo_gone() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    update mpp.photo_removal r set used_for = coalesce(r.used_for, old.used_for) where r.photo_id = old.id and r.done_at is null;
    if old.state = 'used' and not exists (
        select from mpp.photo_removal r where r.photo_id = old.id and r.done_at is null
    ) then
        insert into mpp.photo_removal (reference, cause, used_for, asked_at, due_at)
        values (old.reference, case when exists (select from mpp.profile p where p.id = old.account_id) then 'withdrawn' else 'erased' end,
            old.used_for, at, private.photo_removal_due(at));
    end if;
    return old;
end
$$;

create trigger photo_gone
    before delete on mpp.photo
    for each row execute function private.photo_gone();

create function private.withdraw_photo(photo_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => false);
    gone text;
begin
    delete from mpp.photo p where p.id = withdraw_photo.photo_id and p.account_id = account returning p.reference into gone;
    if gone is null then
        perform private.refuse('MP071');
    end if;
    -- Not through record_act: nothing keeps somebody from taking a consent back.
    insert into mpp.audit (actor_id, actor_role, action, subject) values (account, private.request_role(), 'photo.withdraw', gone);
end
$$;
grant execute on function private.withdraw_photo to authenticated;

create function api.withdraw_photo(photo_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.withdraw_photo(photo_id); end;
comment on function api.withdraw_photo is 'Takes back a photo that the caller shared, and the consent to its use: nobody reads it any more, and where it was published the staff take it down. Errors: MP001–MP003, MP011, MP071.';
grant execute on function api.withdraw_photo to authenticated;

-- Answers the same whatever the reference is, so it tells nobody which photos there are. What is kept is bounded by the
-- photos: three requests about each wait at most.
create function private.request_photo_removal(reference text, note text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := translate(upper(regexp_replace(left(reference, 40), '[\s-]', '', 'g')), 'OIL', '011');
    written text;
    found_photo mpp.photo;
    at timestamptz;
begin
    if private.request_role() = 'authenticated' then
        perform private.signed_in(anonymous_too => true);
    end if;
    perform private.require_no_maintenance();
    if private.trimmed(left(note, 2500)) <> '' then
        written := private.clean_text('note', note, 500);
    end if;
    select * into found_photo from mpp.photo p where p.reference = typed for no key update;
    at := private.clock();
    if found_photo.id is not null and (
        select count(*) from mpp.photo_removal r where r.reference = typed and r.done_at is null
    ) < 3 then
        insert into mpp.photo_removal (reference, photo_id, cause, note, asked_at, due_at)
        values (typed, found_photo.id, 'asked', written, at, private.photo_removal_due(at));
    end if;
end
$$;
grant execute on function private.request_photo_removal to anon, authenticated, service_role;

create function api.request_photo_removal(reference text, note text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.request_photo_removal(reference, note); end;
comment on function api.request_photo_removal is 'Asks the association to remove a photo by the reference printed beside it, for anybody who is on it, without an account too. The answer does not say whether there is such a photo. Errors: MP001, MP010, MP011.';
grant execute on function api.request_photo_removal to anon, authenticated, service_role;

create function private.decide_photo(reference text, state api.photo_state, used_for text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.photo;
begin
    perform private.require_ops();
    select * into p from mpp.photo x where x.reference = upper(decide_photo.reference) for no key update;
    if not found then
        perform private.refuse('MP071');
    end if;
    if (p.state, decide_photo.state) not in (
        ('submitted', 'approved'), ('submitted', 'refused'), ('approved', 'used'), ('approved', 'refused'), ('used', 'used')
    ) or decide_photo.state is null then
        perform private.refuse('MP010', 'state', 'the photo is ' || p.state, 'Approve or refuse what is submitted; use what is approved.');
    end if;
    if decide_photo.state in ('approved', 'used') and exists (
        select from mpp.photo_removal r where r.photo_id = p.id and r.done_at is null
    ) then
        perform private.refuse('MP010', 'reference', 'somebody asked for the removal of this photo', 'Remove it.');
    end if;
    update mpp.photo x
    set state = decide_photo.state,
        used_for = case when decide_photo.state = 'used'
            then left(concat_ws('; ', p.used_for, private.clean_line('used_for', decide_photo.used_for, 200)), 1000) end
    where x.id = p.id;
    perform private.record_act('photo.' || decide_photo.state, p.reference);
end
$$;
grant execute on function private.decide_photo to authenticated, service_role;

create function api.decide_photo(reference text, state api.photo_state, used_for text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.decide_photo(reference, state, used_for); end;
comment on function api.decide_photo is 'Approves or refuses a photo, or records where it is used (used_for); what somebody wants removed is neither approved nor used. Staff. Errors: MP006, MP010, MP071.';
grant execute on function api.decide_photo to authenticated, service_role;

create function private.remove_photo(reference text, reason text) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    key text := upper(remove_photo.reference);
    places text;
    why text;
begin
    perform private.require_ops();
    why := private.clean_line('reason', remove_photo.reason, 200);
    delete from mpp.photo p where p.reference = key;
    -- The photo had been deleted with a removal of its own, if it was published.
    if not found and not exists (select from mpp.photo_removal r where r.reference = key and r.done_at is null) then
        perform private.refuse('MP071');
    end if;
    select max(r.used_for) into places from mpp.photo_removal r where r.reference = key and r.done_at is null;
    update mpp.photo_removal r set done_at = private.clock(), note = null where r.reference = key and r.done_at is null;
    perform private.record_act('photo.remove', key, jsonb_build_object('reason', why));
    return places;
end
$$;
grant execute on function private.remove_photo to authenticated, service_role;

create function api.remove_photo(reference text, reason text) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_photo(reference, reason); end;
comment on function api.remove_photo is 'Removes a photo and settles what was asked about it; returns where it was published, to be taken down there first. Its file goes with the next run of the worker. Staff. Errors: MP006, MP010, MP071.';
grant execute on function api.remove_photo to authenticated, service_role;
