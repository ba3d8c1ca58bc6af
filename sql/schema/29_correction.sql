-- What is written about a person is corrected by its owner (update_profile in 26_profile, update_teacher in 28_school), or
-- by the staff for somebody who asked. Either leaves a trace.

-- Which of these fields differ, by name.
create function private.changed_fields(before jsonb, after jsonb, variadic fields text[]) returns jsonb
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(f.name order by f.place), '[]')
    from unnest(fields) with ordinality f (name, place)
    where before -> f.name is distinct from after -> f.name
$$;

-- A trace of what people correct themselves, without a value: the audit is for good. What the staff correct is recorded
-- with its reason where they do it.
create function private.correction_recorded() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := (to_jsonb(new) ->> tg_argv[0])::uuid;
    fields jsonb;
begin
    if account is distinct from private.my_account() then
        return null;
    end if;
    fields := private.changed_fields(to_jsonb(old), to_jsonb(new), variadic tg_argv[1:]);
    if fields <> '[]' then
        perform private.record_act('profile.update', account::text, jsonb_build_object('fields', fields));
    end if;
    return null;
end
$$;

-- A teacher who starts to play registers: that corrects nothing.
create trigger profile_correction_recorded
    after update on mpp.profile
    for each row when (old.* is distinct from new.* and (old.alias is null) = (new.alias is null))
    execute function private.correction_recorded('id', 'first_name', 'last_name', 'alias', 'country', 'postcode', 'birth_date', 'language',
        'sector', 'acquisition_channel', 'picture_path');

create trigger teacher_correction_recorded
    after update on mpp.teacher
    for each row when (old.* is distinct from new.*)
    execute function private.correction_recorded('account_id', 'role', 'subject');

create function private.correct_profile(
    account_id uuid, reason text, first_name text, last_name text, alias text, country text, postcode text, birth_date date,
    language text, sector text, acquisition_channel text, role text, subject text
) returns text[]
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
    was mpp.profile;
    became mpp.profile;
    taught mpp.teacher;
    teaches mpp.teacher;
    place record;
    fields jsonb;
begin
    perform private.require_ops();
    why := private.clean_line('reason', correct_profile.reason, 200);
    select * into was from mpp.profile p where p.id = account_id for update;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.lock_editions_of(account_id);
    if was.alias is null and num_nonnulls(alias, country, postcode, birth_date, sector, acquisition_channel) > 0 then
        perform private.refuse('MP010', 'account_id', 'this person does not play', 'Correct a name, the language, the role or the subject.');
    end if;
    select * into taught from mpp.teacher t where t.account_id = correct_profile.account_id for no key update;
    if taught.account_id is null and num_nonnulls(role, subject) > 0 then
        perform private.refuse('MP010', 'account_id', 'this person is no teacher', 'Leave role and subject out.');
    end if;
    if language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', language, 'Use fr, en or de.');
    end if;
    perform private.refuse_unseen('alias', left(alias, 1000));
    place := was;
    if country is not null or postcode is not null then
        place := private.clean_place(coalesce(country, was.country), coalesce(postcode, was.postcode));
    end if;
    update mpp.profile p
    set first_name = case when correct_profile.first_name is null then p.first_name else private.clean_person('first_name', correct_profile.first_name) end,
        last_name = case when correct_profile.last_name is null then p.last_name else private.clean_person('last_name', correct_profile.last_name) end,
        alias = case when correct_profile.alias is null then p.alias else private.clean_alias(correct_profile.alias) end,
        country = place.country,
        postcode = place.postcode,
        language = coalesce(correct_profile.language, p.language),
        sector = case when correct_profile.sector = '' then null
            when correct_profile.sector is null then p.sector else private.clean_line('sector', correct_profile.sector, 80) end,
        acquisition_channel = case when correct_profile.acquisition_channel = '' then null
            when correct_profile.acquisition_channel is null then p.acquisition_channel
            else private.clean_line('acquisition_channel', correct_profile.acquisition_channel, 80) end
    where p.id = account_id
    returning * into became;
    update mpp.teacher t
    set role = private.clean_line('role', coalesce(correct_profile.role, t.role), 80),
        subject = case when correct_profile.subject = '' then null
            when correct_profile.subject is null then t.subject else private.clean_line('subject', correct_profile.subject, 80) end
    where t.account_id = correct_profile.account_id
    returning * into teaches;
    fields := private.changed_fields(to_jsonb(was), to_jsonb(became), 'first_name', 'last_name', 'alias', 'country', 'postcode', 'language',
            'sector', 'acquisition_channel')
        || private.changed_fields(to_jsonb(taught), to_jsonb(teaches), 'role', 'subject');
    if fields <> '[]' then
        perform private.record_act('profile.correct', account_id::text, jsonb_build_object('reason', why, 'fields', fields));
    end if;
    -- It has a trace of its own.
    if birth_date is distinct from was.birth_date and birth_date is not null then
        perform private.correct_birth_date(account_id, birth_date, why);
        fields := fields || '["birth_date"]';
    end if;
    return array(select jsonb_array_elements_text(fields));
end
$$;
grant execute on function private.correct_profile to authenticated, service_role;

create function api.correct_profile(
    account_id uuid, reason text, first_name text default null, last_name text default null, alias text default null,
    country text default null, postcode text default null, birth_date date default null, language text default null,
    sector text default null, acquisition_channel text default null, role text default null, subject text default null
) returns text[]
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select private.correct_profile(account_id, reason, first_name, last_name, alias, country, postcode, birth_date, language, sector,
        acquisition_channel, role, subject);
end;
comment on function api.correct_profile is 'Corrects what is written about a person, who asked for it by another way than the app; what is left out stays, and an empty text clears an optional field. Returns the names of the fields that changed, and the audit keeps them with the reason, no value. role and subject are those of a teacher. Staff. Errors: MP005, MP006, MP010, MP052, MP053.';
grant execute on function api.correct_profile to authenticated, service_role;

-- The address of an account is Auth's, and its owner changes it there, by a mail to both. The staff do it for somebody who
-- lost the old one: called before Auth is asked, since rather a line too many than one too few.
create function private.record_address_correction(account_id uuid, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
begin
    perform private.require_service();
    why := private.clean_line('reason', record_address_correction.reason, 200);
    if not exists (select from auth.users u where u.id = account_id and not u.is_anonymous and not u.is_sso_user) then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('user.correct_address', account_id::text, jsonb_build_object('reason', why));
end
$$;
grant execute on function private.record_address_correction to service_role;

create function api.record_address_correction(account_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.record_address_correction(account_id, reason); end;
comment on function api.record_address_correction is 'Records that the address of an account is about to be changed by the administration interface of Auth, and why; the audit keeps neither address. Secret key only. Errors: MP005, MP006, MP010.';
grant execute on function api.record_address_correction to service_role;
