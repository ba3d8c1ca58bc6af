-- Schools and their teachers. A school is public knowledge: the Ministry publishes its directory. Classes belong to a
-- school and are leagues (40_league, 50_class).

-- The code of a French school, RNE, today called UAI: seven digits, and a letter that checks them.
create function private.is_rne(code text) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when code ~ '^[0-9]{7}[A-Z]$'
            then substr('ABCDEFGHJKLMNPRSTUVWXYZ', 1 + left(code, 7)::integer % 23, 1) = right(code, 1)
        else false
    end
$$;

-- The French department of a postcode; null when there is none. Corsica is 2A up to 201, 2B after it.
create function private.department_of(country text, postcode text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case
        when country is distinct from 'FR' or postcode is null or postcode !~ '^[0-9]{5}$' then null
        when postcode ~ '^9[78]' then left(postcode, 3)
        when postcode ~ '^20[01]' then '2A'
        when postcode ~ '^20' then '2B'
        when left(postcode, 2) between '01' and '95' then left(postcode, 2)
    end
$$;
grant execute on function private.department_of to mpp_owner;

-- Whether a department of this code exists.
create function private.is_department(code text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select code ~ '^(0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5]|97[1-8]|98[678])$' $$;
grant execute on function private.is_department to mpp_owner;

-- The code that INSEE gives a commune; it begins with the department.
create function private.is_commune(code text) returns boolean
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select code ~ '^((0[1-9]|1[0-9]|2[1-9AB]|[3-8][0-9]|9[0-5])[0-9]{3}|9(7[1-8]|8[678])[0-9]{2})$' $$;
grant execute on function private.is_commune to mpp_owner;

-- The commune as people know it: Paris, Lyon and Marseille have a code of their own beside those of their districts.
create function private.whole_commune(code text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select case when code ~ '^751(0[1-9]|1[0-9]|20)$' then '75056' when code ~ '^6938[1-9]$' then '69123'
        when code ~ '^132(0[1-9]|1[0-6])$' then '13055' else code end
$$;

create table mpp.school (
    id uuid primary key default private.uuid_v7(),
    rne text unique check (rne is null or private.is_rne(rne)),
    name mpp.line not null,
    levels mpp.school_level[] not null check (cardinality(levels) between 1 and 4),
    country text not null default 'FR' check (private.is_country(country)),
    postcode text not null check (postcode ~ '^[0-9A-Z][0-9A-Z -]{1,11}$'),
    city mpp.line not null,
    commune text check (private.is_commune(commune)),
    stated_department text check (private.is_department(stated_department)),
    -- Postcodes cross the borders of departments, so they are asked last.
    department text generated always as (coalesce(
        stated_department, substring(commune from '^9[78].|^..'), private.department_of(country, postcode)
    )) stored,
    is_hidden boolean not null default false,
    created_by uuid,
    created_at timestamptz not null default private.clock(),
    search_text text not null generated always as (
        private.findable(coalesce(rne, '') || ' ' || postcode || ' ' || city || ' ' || name)
    ) stored,
    constraint school_place_in_france check (country = 'FR' or num_nonnulls(commune, stated_department) = 0),
    constraint school_in_france_has_rne check (country <> 'FR' or rne is not null)
);
comment on table mpp.school is 'Schools, from the directory of the Ministry or added by a teacher. A school abroad has no RNE (the code that is called UAI today).';
comment on column mpp.school.commune is 'INSEE code of its commune, as the directory states it.';
comment on column mpp.school.stated_department is 'Department that the directory states. department is this one, or what commune and postcode tell.';
comment on column mpp.school.is_hidden is 'Taken off the lists by the staff: a joke, a double, a name against the law.';
create unique index school_abroad_once
    on mpp.school (country, private.searchable(postcode), private.searchable(city), private.searchable(name))
    where rne is null;

-- Without a list of pending entries, which would slow searches down until the next vacuum.
create index school_search on mpp.school using gin (private.trigrams(search_text)) with (fastupdate = off);
create index school_created_by on mpp.school (created_by, created_at) where created_by is not null;

create table mpp.teacher (
    account_id uuid primary key references mpp.profile (id) on delete cascade,
    role mpp.line not null check (char_length(role) <= 80),
    subject mpp.line check (char_length(subject) <= 80),
    registered_at timestamptz not null default private.clock()
);
comment on table mpp.teacher is 'A referring adult and what they do at school, for internal statistics. Their name is in mpp.profile.';

alter table mpp.school enable row level security;
alter table mpp.teacher enable row level security;

create policy school_select_everyone on mpp.school
    for select to anon, authenticated
    using (not is_hidden);

create policy teacher_select_authenticated on mpp.teacher
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

grant select (id, rne, name, levels, country, postcode, city, is_hidden) on mpp.school to anon, authenticated;
grant select on mpp.school to service_role;
grant select on mpp.teacher to authenticated, service_role;

create view api.schools with (security_invoker = true) as
select s.id as school_id, s.rne, s.name, s.levels::text[] as levels, s.country, s.postcode, s.city
from mpp.school s cross join (select) read_only
where not s.is_hidden;
comment on view api.schools is 'Schools by id or RNE, the code that is called UAI today. To find a school by a part of its name use search_schools.';
grant select on api.schools to anon, authenticated, service_role;

create view api.my_teacher with (security_invoker = true) as
select
    p.id,
    p.first_name,
    p.last_name,
    auth.jwt() ->> 'email' as email,
    t.role,
    t.subject,
    p.language,
    t.registered_at,
    due.version as terms_due,
    due.effective_at as terms_due_since
from mpp.teacher t
join mpp.profile p on p.id = t.account_id
left join lateral private.terms_due(p.terms_published_at) due on true
where t.account_id = (select private.my_account());
comment on view api.my_teacher is 'The caller as a teacher: one row, or none before register_teacher.';
grant select on api.my_teacher to authenticated;

-- The account behind a request of a teacher.
create function private.require_teacher() returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false);
begin
    if not exists (select from mpp.teacher t where t.account_id = account) then
        perform private.refuse('MP009');
    end if;
    return account;
end
$$;

create function private.register_teacher(
    first_name text, last_name text, role text, terms_version text, subject text, language text,
    class_alerts boolean, newsletter boolean
) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false, accepted => false);
    terms mpp.terms_version := private.current_terms();
begin
    if terms_version is distinct from terms.version then
        perform private.refuse('MP051', coalesce(terms_version, '(none)'), terms.version);
    end if;
    if language is null or language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', coalesce(language, 'it is empty'), 'Use fr, en or de.');
    end if;
    perform private.lock_account(account);
    -- Somebody who plays already keeps their profile.
    insert into mpp.profile as p (id, first_name, last_name, language, terms_published_at)
    values (account, private.clean_person('first_name', register_teacher.first_name),
        private.clean_person('last_name', register_teacher.last_name), register_teacher.language, terms.published_at)
    on conflict on constraint profile_pkey do update
    set terms_published_at = greatest(p.terms_published_at, excluded.terms_published_at);
    insert into mpp.teacher (account_id, role, subject)
    values (account, private.clean_line('role', register_teacher.role, 80),
        case when register_teacher.subject is not null then private.clean_line('subject', register_teacher.subject, 80) end)
    on conflict do nothing;
    if not found then
        perform private.refuse('MP004');
    end if;
    perform private.check_age(account);
    insert into mpp.consent (account_id, purpose, granted, text_version, channel)
    select account, c.purpose::api.consent_purpose, c.granted, terms.version, 'app'
    from (values ('terms', true), ('league_alerts', class_alerts), ('newsletter', newsletter)) c (purpose, granted)
    where c.granted;
    return account;
end
$$;
grant execute on function private.register_teacher to authenticated;

create function api.register_teacher(
    first_name text, last_name text, role text, terms_version text, subject text default null, language text default 'fr',
    class_alerts boolean default false, newsletter boolean default false
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select private.register_teacher(first_name, last_name, role, terms_version, subject, language, class_alerts, newsletter);
end;
comment on function api.register_teacher is 'Registers the caller as a teacher, accepting the current terms of use. An adult who plays already keeps their profile; a player under 18 is refused. Returns the account id. Errors: MP001, MP002, MP004, MP010, MP011, MP051, MP053.';
grant execute on function api.register_teacher to authenticated;

create function private.update_teacher(first_name text, last_name text, role text, subject text, language text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_teacher();
begin
    if language is not null and language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', language, 'Use fr, en or de.');
    end if;
    perform private.lock_editions_of(account);
    update mpp.profile p
    set first_name = case when update_teacher.first_name is null then p.first_name else private.clean_person('first_name', update_teacher.first_name) end,
        last_name = case when update_teacher.last_name is null then p.last_name else private.clean_person('last_name', update_teacher.last_name) end,
        language = coalesce(update_teacher.language, p.language)
    where p.id = account;
    update mpp.teacher t
    set role = private.clean_line('role', coalesce(update_teacher.role, t.role), 80),
        subject = case when update_teacher.subject = '' then null
            when update_teacher.subject is null then t.subject else private.clean_line('subject', update_teacher.subject, 80) end
    where t.account_id = account;
end
$$;
grant execute on function private.update_teacher to authenticated;

create function api.update_teacher(
    first_name text default null, last_name text default null, role text default null, subject text default null,
    language text default null
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.update_teacher(first_name, last_name, role, subject, language); end;
comment on function api.update_teacher is 'Corrects the caller''s data as a teacher; what is left out stays, and an empty subject clears it. The audit keeps which fields changed, no value. Errors: MP001, MP002, MP009, MP010, MP011, MP047.';
grant execute on function api.update_teacher to authenticated;

create type api.school_found as (
    school_id uuid, rne text, name text, levels text[], country text, postcode text, city text
);
comment on type api.school_found is 'A school that a search found.';

-- Every word of the query must be part of the code, postcode, city or name. Words of three characters use the index;
-- shorter ones only narrow what it finds.
create function private.search_schools(query text, country text, level text, results integer) returns setof api.school_found
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
    -- A search for «école» matches most of the table, and the planner would then read all of it.
    set enable_seqscan = off
as $$
declare
    asked text;
    patterns text[];
begin
    if not private.is_ops() then
        perform private.signed_in();
    end if;
    if octet_length(query) > 400 then
        perform private.refuse('MP010', 'query', 'it is too long', 'Type a code, a postcode, a city or a part of the name.');
    end if;
    asked := coalesce(private.findable(query), '');
    if cardinality(private.trigrams(asked)) = 0 then
        perform private.refuse('MP010', 'query', 'it has no three letters in a row', 'Type a code, a postcode, a city or a part of the name.');
    end if;
    -- Each word once, and none that is part of another: every word costs a look at every candidate.
    patterns := array(
        select distinct '%' || w.word || '%'
        from unnest(string_to_array(asked, ' ')) w (word)
        where not exists (
            select from unnest(string_to_array(asked, ' ')) o (word) where o.word <> w.word and strpos(o.word, w.word) > 0
        )
    );
    -- An official name with its town has up to thirty words. A word that the index does not narrow costs a look at
    -- every candidate.
    if cardinality(patterns) > 30 or (select count(*) from unnest(patterns) w (word) where char_length(w.word) < 5) > 8 then
        perform private.refuse('MP010', 'query', format('it has %s words', cardinality(patterns)),
            'Use 30 words at most, 8 of them of one or two letters.');
    end if;
    if results is null or results not between 1 and 100 then
        perform private.refuse('MP010', 'results', coalesce(results::text, 'it is empty'), 'Ask for 1 to 100.');
    end if;
    if level is not null and level <> all (private.school_levels()) then
        perform private.refuse('MP010', 'level', left(level, 40), 'Use maternelle, elementaire, college or lycee.');
    end if;
    return query
    select f.id, f.rne, f.name::text, f.levels::text[], f.country, f.postcode, f.city::text
    from (
        -- Enough to choose from: a query that finds more needs another word.
        select s.*
        from mpp.school s
        where private.trigrams(s.search_text) @> private.trigrams(asked)
            and not s.is_hidden
            and (search_schools.country is null or s.country = search_schools.country)
            and (search_schools.level is null or search_schools.level = any (s.levels))
            and s.search_text like all (patterns)
        limit 500
    ) f
    order by strpos(private.findable(f.name), asked) <> 1, private.findable(f.name), f.city, f.id
    limit results;
end
$$;
grant execute on function private.search_schools to authenticated, service_role;

create function api.search_schools(query text, country text default null, level text default null, results integer default 20)
    returns setof api.school_found
    language sql stable rows 20 set search_path = pg_catalog, pg_temp set statement_timeout = '2s'
begin atomic select * from private.search_schools(query, country, level, results); end;
comment on function api.search_schools is 'Finds schools whose code, postcode, city or name holds every word of the query, accents or not; one word must have three letters. Any account that is not anonymous. Errors: MP001, MP002, MP010.';
grant execute on function api.search_schools to authenticated, service_role;

create function private.check_school(rne text, country text, levels text[]) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if rne is not null and not private.is_rne(rne) then
        perform private.refuse('MP010', 'rne', format('%s is not a school code', left(rne, 20)),
            'Copy the seven digits and the letter that checks them, such as 0123456S.');
    end if;
    if country = 'FR' and rne is null then
        perform private.refuse('MP010', 'rne', 'it is empty', 'Give the RNE code of the school; only schools abroad have none.');
    end if;
    if coalesce(cardinality(levels), 0) = 0 or not levels <@ private.school_levels()
        or array_position(levels, null) is not null then
        perform private.refuse('MP010', 'levels', left(coalesce(array_to_string(levels, ', ', 'null'), 'it is empty'), 80),
            'Use one or more of maternelle, elementaire, college and lycee.');
    end if;
end
$$;

-- In the order of a pupil's life, each once.
create function private.levels_in_order(levels text[]) returns mpp.school_level[]
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select array(
        select l.level::mpp.school_level
        from unnest(private.school_levels()) with ordinality l (level, place)
        where l.level = any (levels)
        order by l.place
    )
$$;

create function private.add_school(name text, city text, postcode text, levels text[], country text, rne text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := case when private.is_ops() then (select private.my_account()) else private.require_teacher() end;
    code text := upper(replace(private.trimmed(left(rne, 40)), ' ', ''));
    cleaned_name text := private.clean_name('name', name, 120);
    cleaned_city text := private.clean_label('city', city, 80);
    place record;
    added integer;
    school uuid;
begin
    place := private.clean_place(country, postcode);
    perform private.check_school(nullif(code, ''), place.country, levels);
    code := nullif(code, '');
    perform private.lock_caller();
    -- A known school stays as it is, whoever describes it again.
    select s.id into school
    from mpp.school s
    where case when code is not null then s.rne = code
        else s.rne is null and s.country = place.country
            and private.searchable(s.postcode) = private.searchable(place.postcode)
            and private.searchable(s.city) = private.searchable(cleaned_city)
            and private.searchable(s.name) = private.searchable(cleaned_name) end;
    if found then
        return school;
    end if;
    -- One at a time for one account, so that the limit holds.
    if account is not null then
        perform pg_advisory_xact_lock(hashtext('mpp.school'), hashtext(account::text));
        select count(*) into added from mpp.school s where s.created_by = account and s.created_at > private.clock() - interval '24 hours';
        if added >= 5 and not private.is_ops() then
            perform private.refuse('MP085', '5');
        end if;
    end if;
    insert into mpp.school (rne, name, levels, country, postcode, city, created_by)
    values (code, cleaned_name, private.levels_in_order(add_school.levels), place.country, place.postcode, cleaned_city, account)
    on conflict do nothing
    returning id into school;
    if school is null then
        -- Somebody else added it at the same moment.
        select s.id into school
        from mpp.school s
        where case when code is not null then s.rne = code
            else s.rne is null and s.country = place.country
                and private.searchable(s.postcode) = private.searchable(place.postcode)
                and private.searchable(s.city) = private.searchable(cleaned_city)
                and private.searchable(s.name) = private.searchable(cleaned_name) end;
    end if;
    return school;
end
$$;
grant execute on function private.add_school to authenticated, service_role;

create function api.add_school(
    name text, city text, postcode text, levels text[], country text default 'FR', rne text default null
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.add_school(name, city, postcode, levels, country, rne); end;
comment on function api.add_school is 'Adds a school and returns its id. A school that is known already (same RNE, or abroad same name and place) is returned as it is. Teachers, five a day, and staff. Errors: MP001, MP002, MP009, MP010, MP011, MP085.';
grant execute on function api.add_school to authenticated, service_role;

create function private.correct_school(
    school_id uuid, name text, city text, postcode text, levels text[], is_hidden boolean
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    was mpp.school;
    place record;
begin
    perform private.require_ops();
    select * into was from mpp.school s where s.id = correct_school.school_id for no key update;
    if not found then
        perform private.refuse('MP080');
    end if;
    place := private.clean_place(was.country, coalesce(postcode, was.postcode));
    perform private.check_school(was.rne, was.country, coalesce(levels, was.levels::text[]));
    update mpp.school s
    set name = private.clean_line('name', coalesce(correct_school.name, s.name), 120),
        city = private.clean_line('city', coalesce(correct_school.city, s.city), 80),
        postcode = place.postcode,
        levels = case when correct_school.levels is null then s.levels else private.levels_in_order(correct_school.levels) end,
        is_hidden = coalesce(correct_school.is_hidden, s.is_hidden)
    where s.id = was.id;
    -- A school that is hidden takes its classes out of the rankings, until it comes back. In a frozen edition they
    -- cannot come back.
    if is_hidden is not null then
        perform private.lock_edition(x.edition_id)
        from (select distinct l.edition_id from mpp.league l where l.school_id = was.id order by l.edition_id) x;
        perform
        from mpp.score s
        where s.subject_id in (select l.id from mpp.league l where l.school_id = was.id)
        order by s.subject_id
        for no key update;
        if is_hidden then
            update mpp.league l
            set listed = false, held_back = true, hidden_with_school = true
            where l.school_id = was.id and l.listed;
        else
            update mpp.league l
            set listed = true, held_back = false, hidden_with_school = false
            from mpp.edition e
            where l.school_id = was.id and l.hidden_with_school and e.id = l.edition_id and e.frozen_at is null;
        end if;
    end if;
    perform private.record_act('school.correct', was.id::text, jsonb_strip_nulls(jsonb_build_object(
        'name', correct_school.name, 'city', correct_school.city, 'postcode', correct_school.postcode,
        'levels', correct_school.levels, 'is_hidden', correct_school.is_hidden)));
exception when unique_violation then
    perform private.refuse('MP038', coalesce(name, was.name));
end
$$;
grant execute on function private.correct_school to authenticated, service_role;

create function api.correct_school(
    school_id uuid, name text default null, city text default null, postcode text default null, levels text[] default null,
    is_hidden boolean default null
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.correct_school(school_id, name, city, postcode, levels, is_hidden); end;
comment on function api.correct_school is 'Corrects a school, or takes it off the lists and its classes out of the rankings; what is left out stays. Its classes come back with it, except in frozen editions. Staff. Errors: MP006, MP010, MP038, MP080.';
grant execute on function api.correct_school to authenticated, service_role;

create type api.import_outcome as (added integer, changed integer, unchanged integer);
comment on type api.import_outcome is 'How many rows an import added, changed, and found unchanged.';

-- One batch of the directory: [{"rne", "name", "levels", "country", "postcode", "city", "commune", "department"}].
-- Importing the same batch again changes nothing, so a load that was cut short is simply run again.
create function private.import_schools(schools jsonb) returns api.import_outcome
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    outcome api.import_outcome;
    faults jsonb;
begin
    if not private.is_service() then
        perform private.refuse('MP006');
    end if;
    if jsonb_typeof(schools) is distinct from 'array' then
        perform private.refuse('MP010', 'schools', 'it is not a list', 'Send [{"rne", "name", "levels", "country", "postcode", "city"}].');
    end if;
    -- Two loads at once take turns.
    perform pg_advisory_xact_lock(hashtext('mpp.school'), 0);
    select jsonb_agg(jsonb_build_object('row', f.row_number, 'fault', f.fault -> 0, 'arguments', f.fault - 0) order by f.row_number) into faults
    from (
        select p.row_number,
            case
                when p.rne is null or not private.is_rne(p.rne) then jsonb_build_array('rne_wrong', coalesce(p.rne, 'nothing'))
                when count(*) over (partition by p.rne) > 1 then jsonb_build_array('rne_twice', p.rne)
                when coalesce(btrim(p.name), '') = '' or char_length(p.name) > 120 then jsonb_build_array('name_wrong', p.rne)
                when coalesce(btrim(p.city), '') = '' or char_length(p.city) > 80 then jsonb_build_array('city_wrong', p.rne)
                when private.is_country(p.country) is not true then jsonb_build_array('country_wrong', p.rne)
                when p.postcode is null or p.postcode !~ '^[0-9A-Z][0-9A-Z -]{1,11}$' then jsonb_build_array('postcode_wrong', p.rne)
                when coalesce(cardinality(p.levels), 0) = 0 or not p.levels <@ private.school_levels()
                    then jsonb_build_array('levels_wrong', p.rne)
                when p.commune is not null and (p.country <> 'FR' or not private.is_commune(p.commune)) then jsonb_build_array('commune_wrong', p.rne)
                when p.department is not null and (p.country <> 'FR' or not private.is_department(p.department))
                    then jsonb_build_array('department_wrong', p.rne)
            end as fault
        from rows from (
            jsonb_to_recordset(schools) as (
                rne text, name text, levels text[], country text, postcode text, city text, commune text, department text
            )
        ) with ordinality p (rne, name, levels, country, postcode, city, commune, department, row_number)
    ) f
    where f.fault is not null;
    perform private.refuse_import(faults);
    with piece as (
        select p.rne, private.clean_line('name', p.name, 120) as name, private.levels_in_order(p.levels) as levels, p.country,
            p.postcode, private.clean_line('city', p.city, 80) as city, p.commune, p.department
        from jsonb_to_recordset(schools) p (
            rne text, name text, levels text[], country text, postcode text, city text, commune text, department text
        )
        order by p.rne
    ), written as (
        insert into mpp.school as s (rne, name, levels, country, postcode, city, commune, stated_department)
        select p.rne, p.name, p.levels, p.country, p.postcode, p.city, p.commune, p.department from piece p
        on conflict on constraint school_rne_key do update
        set name = excluded.name, levels = excluded.levels, country = excluded.country, postcode = excluded.postcode,
            city = excluded.city, commune = excluded.commune, stated_department = excluded.stated_department
        where (s.name, s.levels, s.country, s.postcode, s.city, s.commune, s.stated_department) is distinct from
            (excluded.name, excluded.levels, excluded.country, excluded.postcode, excluded.city, excluded.commune, excluded.stated_department)
        returning xmax = 0 as is_new
    )
    select count(*) filter (where w.is_new), count(*) filter (where not w.is_new), jsonb_array_length(schools) - count(*)
    into outcome
    from written w;
    return outcome;
exception when invalid_parameter_value or invalid_text_representation then
    perform private.refuse('MP010', 'schools', 'an element has another shape',
        'Send [{"rne", "name", "levels": […], "country", "postcode", "city"}].');
    return null;
end
$$;
grant execute on function private.import_schools to service_role;

create function api.import_schools(schools jsonb) returns api.import_outcome
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '2min'
begin atomic select private.import_schools(schools); end;
comment on function api.import_schools is 'Imports a batch of the directory of schools, all or none, matched by RNE; importing it again changes nothing. Secret key only. Errors: MP006, MP010, MP070.';
grant execute on function api.import_schools to service_role;
