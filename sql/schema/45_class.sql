-- Classes: leagues of a school, run by a teacher, whose players are pupils without accounts. Pupils are known by their
-- first name alone; an initial is added while that name repeats in the class. Families read their class, and only it.

create table mpp.class_challenge (
    league_id uuid not null references mpp.league (id),
    challenge_id integer not null references mpp.edition_challenge (id) on delete cascade,
    primary key (league_id, challenge_id)
);
comment on table mpp.class_challenge is 'What a teacher chose for the class; without a choice, everything of its level is in play.';
create index class_challenge_challenge on mpp.class_challenge (challenge_id);

create table mpp.class_code (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    renewed_at timestamptz not null default private.clock()
);
comment on table mpp.class_code is 'The code by which families enter a class, read by its teachers only; no row: nobody new enters.';

create table mpp.class_guess (
    account_id uuid not null references auth.users (id) on delete cascade,
    guessed_at timestamptz not null default private.clock()
);
comment on table mpp.class_guess is 'Wrong class codes of the last hour; older ones are deleted by the next guess.';
create index class_guess_account on mpp.class_guess (account_id, guessed_at);

create table mpp.class_invitation (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    expires_at timestamptz not null
);
comment on table mpp.class_invitation is 'A teacher''s invitation to a colleague: one at a time for a class, taken once, gone after seven days.';

alter table mpp.class_challenge enable row level security;
alter table mpp.class_code enable row level security;
alter table mpp.class_guess enable row level security;
alter table mpp.class_invitation enable row level security;

create policy class_challenge_select_authenticated on mpp.class_challenge
    for select to authenticated
    using (league_id in (select private.my_league_ids()) or (select private.is_ops()));

create policy class_code_select_authenticated on mpp.class_code
    for select to authenticated
    using (league_id in (select private.my_led_league_ids()) or (select private.is_ops()));

grant select on mpp.class_challenge, mpp.class_code to authenticated, service_role;

-- Locks a class for one of its teachers, or for the staff; returns the account.
create function private.begin_class(class uuid, when_frozen boolean default false) returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := case when private.is_ops() then (select private.my_account()) else private.begin_write(registered => false) end;
    edition integer;
    frozen text;
begin
    select l.edition_id into edition from mpp.league l where l.id = class and l.school_id is not null;
    if edition is not null then
        perform private.lock_edition(edition);
        perform private.lock_league(class);
    end if;
    if edition is null or not (
        private.is_ops() or exists (select from mpp.ambassador a where a.league_id = class and a.account_id = account)
    ) then
        perform private.refuse('MP008');
    end if;
    if not when_frozen then
        select e.code into frozen from mpp.edition e where e.id = edition and e.frozen_at is not null;
        if frozen is not null then
            perform private.refuse('MP024', frozen);
        end if;
    end if;
    return account;
end
$$;

-- What the staff do in a class in a teacher's place leaves a trace; what teachers do is theirs.
create function private.record_for_class(action text, class uuid, details jsonb default '{}') returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if private.is_ops() then
        perform private.record_act(action, class::text, details);
    end if;
end
$$;

-- The edition of a class whose lock is held, if it is not over yet.
create function private.edition_going_on(class uuid) returns mpp.edition
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
begin
    select x.* into e from mpp.league l join mpp.edition x on x.id = l.edition_id where l.id = class;
    if private.clock() >= e.ends_at then
        perform private.refuse_not_running(e);
    end if;
    return e;
end
$$;

create function private.create_class(
    edition_id integer, school_id uuid, name text, level text, teams text[], teacher_id uuid
) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid;
    e mpp.edition;
    school mpp.school;
    class uuid;
    called text := private.clean_class_text('name', name, 60);
    team_names text[];
begin
    if by_ops then
        account := coalesce(teacher_id, (select private.my_account()));
        if not exists (select from mpp.teacher t where t.account_id = account) then
            perform private.refuse('MP009');
        end if;
    else
        account := private.begin_teach();
        if teacher_id is not null and teacher_id <> account then
            perform private.refuse('MP006');
        end if;
    end if;
    -- Said before anything else of a private edition is.
    if not by_ops and exists (select from mpp.edition x where x.id = create_class.edition_id and x.organisation_id is not null) then
        perform private.refuse('MP005');
    end if;
    perform private.hold_profile(account, plays => false);
    -- One at a time for one account, so that the limit holds.
    perform pg_advisory_xact_lock(hashtext('mpp.class'), hashtext(account::text));
    -- Before the edition, as correct_school does; held, so that no class slips into a school that is being hidden.
    select * into school from mpp.school s where s.id = create_class.school_id and not s.is_hidden for share;
    e := private.begin_join(edition_id);
    if e.audience <> 'school' then
        perform private.refuse('MP028', e.code);
    end if;
    if school.id is null then
        perform private.refuse('MP080');
    end if;
    if level is null or not level = any (school.levels) then
        perform private.refuse('MP010', 'level', left(coalesce(level, 'it is empty'), 40),
            format('Use a level of this school: %s.', array_to_string(school.levels, ', ')));
    end if;
    if (select count(*) from mpp.league l where l.created_by = account and l.edition_id = e.id) >= 12 then
        perform private.refuse('MP039', '12');
    end if;
    if coalesce(cardinality(teams), 0) = 0 then
        team_names := array[case when private.speaks_french() then 'Équipe 1' else 'Team 1' end];
    elsif cardinality(teams) > e.teams_per_league then
        perform private.refuse('MP037', e.teams_per_league::text);
    else
        team_names := array(
            select private.clean_class_text('teams', t.name, 40) from unnest(teams) with ordinality t (name, place) order by t.place);
    end if;
    begin
        insert into mpp.league (edition_id, name, created_by, school_id, level)
        values (e.id, called, account, school.id, create_class.level)
        returning id into class;
    exception when unique_violation then
        perform private.refuse('MP038', called);
    end;
    begin
        insert into mpp.team (league_id, edition_id, name)
        select class, e.id, t.name from unnest(team_names) with ordinality t (name, place) order by t.place;
    exception when unique_violation then
        perform private.refuse('MP038', array_to_string(team_names, ', '));
    end;
    insert into mpp.class_code (league_id, code) values (class, private.new_join_code());
    insert into mpp.ambassador (league_id, account_id, is_principal) values (class, account, true);
    if by_ops then
        perform private.record_act('class.create', class::text, jsonb_build_object('teacher_id', account));
    end if;
    return class;
end
$$;
grant execute on function private.create_class to authenticated, service_role;

create function api.create_class(
    edition_id integer, school_id uuid, name text, level text, teams text[] default null, teacher_id uuid default null
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_class(edition_id, school_id, name, level, teams, teacher_id); end;
comment on function api.create_class is 'Creates a class of a school with its teams (one unless they are named) and the code for its families; the caller is its teacher. Only the staff name another teacher_id. Returns the class id. Errors: MP001, MP002, MP005, MP006, MP009–MP011, MP020, MP021, MP023, MP024, MP028, MP037–MP039, MP080.';
grant execute on function api.create_class to authenticated, service_role;

create function private.update_class(class_id uuid, name text, level text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    class mpp.league;
begin
    perform private.begin_class(class_id);
    select * into class from mpp.league l where l.id = class_id;
    if level is not null and level <> class.level then
        if not exists (select from mpp.school s where s.id = class.school_id and update_class.level = any (s.levels)) then
            perform private.refuse('MP010', 'level', left(level, 40), 'Use a level of the school of this class.');
        end if;
        -- Its challenges and its place among the classes of the level would no longer be true.
        if exists (select from mpp.validation v where v.league_id = class.id) then
            perform private.refuse('MP010', 'level', 'the class has already validated challenges', 'Ask Ma Petite Planète.');
        end if;
        delete from mpp.class_challenge c where c.league_id = class.id;
    end if;
    update mpp.league l
    set name = case when update_class.name is null then l.name else private.clean_class_text('name', update_class.name, 60) end,
        level = coalesce(update_class.level, l.level)
    where l.id = class.id;
exception when unique_violation then
    perform private.refuse('MP038', name);
end
$$;
grant execute on function private.update_class to authenticated, service_role;

create function api.update_class(class_id uuid, name text default null, level text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.update_class(class_id, name, level); end;
comment on function api.update_class is 'Renames a class or corrects its level; the level only before the first validation, and the choice of challenges starts again. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP024, MP038.';
grant execute on function api.update_class to authenticated, service_role;

-- The name of a pupil as the class reads it.
create function private.pupil_name(first_name text, initial text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select first_name || coalesce(' ' || initial || '.', '') $$;
grant execute on function private.pupil_name to authenticated, service_role;

-- What is typed about a pupil is never said back: a message ends up in the server's log, and what was refused may be just
-- the surname or the address that nobody should keep. The place in the list tells which it was.
create function private.typed(pupil jsonb, field text, place bigint) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(jsonb_typeof(pupil -> field), 'null') not in ('string', 'null') then
        perform private.refuse('MP010', format('%s of pupil %s', field, place), 'it is not a text', 'Send a text, or leave it out.');
    end if;
    return pupil ->> field;
end
$$;

-- One word: there must be nowhere to write a surname.
create function private.clean_first_name(value text, place bigint) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    field text := format('first_name of pupil %s', place);
    -- What stands for an apostrophe on some keyboards, and the okina.
    cleaned text := translate(private.clean_line(field, value, 30), '`´‘ʻʼˈ', '''''’’’’');
begin
    perform private.refuse_unseen(field, value);
    if cleaned ~ ' ' then
        perform private.refuse('MP010', field, 'it has a space',
            'Give the first name alone; join a compound one with a hyphen, such as Marie-Lou.');
    end if;
    if not private.is_one_word(cleaned) then
        perform private.refuse('MP010', field, 'it has a sign that is no letter', 'Use letters, hyphens and apostrophes only.');
    end if;
    return cleaned;
end
$$;

create function private.clean_initial(value text, place bigint) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text := upper(private.folded(replace(private.trimmed(left(value, 20)), '.', '')));
begin
    if coalesce(cleaned, '') = '' then
        return null;
    end if;
    if char_length(cleaned) > 2 or not private.is_one_word(cleaned) then
        perform private.refuse('MP010', format('initial of pupil %s', place), 'it is no initial', 'Give one letter, or two.');
    end if;
    return cleaned;
end
$$;

-- The name of a class or of its team is free text, read by strangers like any other name; a date of birth or a telephone
-- number says something about a pupil. School years, levels and counting rhymes are neither.
create function private.clean_class_text(field text, value text, longest integer, listed boolean default false) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text := private.clean_name(field, value, longest, null, listed);
    rest text := regexp_replace(cleaned, '\m20[0-9]{2} ?[-–/] ?(20)?[0-9]{2}\M(?![/.-][0-9])', '', 'g');
begin
    if cleaned ~ '@'
        or rest ~ '\m(0?[1-9]|[12][0-9]|3[01])([/.-])(0?[1-9]|1[0-2])\2((19|20)[0-9]{2}|[0-9]{2})\M'
        or rest ~ '\m(19|20)[0-9]{2}([/.-])(0?[1-9]|1[0-2])\2(0?[1-9]|[12][0-9]|3[01])\M'
        or rest ~ '[0-9]([ ./()-]*[0-9]){7}' then
        perform private.refuse('MP010', field, 'it looks like an address, a date or a telephone number',
            'Use a name that says nothing about a pupil.');
    end if;
    return cleaned;
end
$$;

-- An initial goes as soon as it is not needed, and must be there while it is.
create function private.settle_initials(class uuid, listed uuid[] default '{}') returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    repeated text;
begin
    update mpp.player p
    set initial = null
    where p.league_id = class
        and p.initial is not null
        and not exists (
            select from mpp.player o
            where o.league_id = class and o.id <> p.id and private.folded(o.first_name) = private.folded(p.first_name)
        );
    select min(private.folded(p.first_name)) into repeated
    from mpp.player p
    where p.league_id = class and p.first_name <> '—'
    group by private.folded(p.first_name)
    having count(*) > 1 and bool_or(p.initial is null)
    limit 1;
    if repeated is not null then
        perform private.refuse('MP081', coalesce((
            select string_agg(i.place::text, ', ' order by i.place)
            from unnest(listed) with ordinality i (id, place)
            join mpp.player p on p.id = i.id and private.folded(p.first_name) = repeated
        ), '—'));
    end if;
end
$$;

create type api.class_pupil as (pupil_id uuid, first_name text, initial text, name text, team_id uuid);
comment on type api.class_pupil is 'A pupil of a class; name is the first name with its initial, if it needs one.';

-- Teams that a list of pupils names and the class does not have yet. A class that still has its one empty team gives it
-- the first of these names.
create function private.make_teams(class uuid, names text[], most integer) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    called text;
    made text[];
begin
    foreach called in array names loop
        continue when exists (
            select from mpp.team t where t.league_id = class and private.folded(t.name) = private.folded(called));
        if coalesce(cardinality(made), 0) = 0
            and (select count(*) from mpp.team t where t.league_id = class) = 1
            and not exists (select from mpp.player p where p.league_id = class)
            and not exists (select from mpp.validation v where v.league_id = class) then
            update mpp.team t set name = called where t.league_id = class;
        else
            if (select count(*) from mpp.team t where t.league_id = class) >= most then
                perform private.refuse('MP037', most::text);
            end if;
            insert into mpp.team (league_id, edition_id, name)
            select l.id, l.edition_id, called from mpp.league l where l.id = class;
        end if;
        made := made || called;
    end loop;
end
$$;

create function private.add_pupils(class_id uuid, pupils jsonb, dry_run boolean) returns setof api.class_pupil
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    uuid_form constant text := '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';
    e mpp.edition;
    item record;
    ids uuid[] := '{}'::uuid[];
    are_new boolean[] := '{}'::boolean[];
    first_names text[] := '{}'::text[];
    initials text[] := '{}'::text[];
    team_names text[] := '{}'::text[];
    team_ids uuid[] := '{}'::uuid[];
    teams uuid[];
    sizes integer[];
    smallest integer;
    outcome api.class_pupil[];
begin
    perform private.begin_class(class_id);
    e := private.edition_going_on(class_id);
    if jsonb_typeof(pupils) is distinct from 'array' or jsonb_array_length(pupils) not between 1 and 200 then
        perform private.refuse('MP010', 'pupils', 'it is not a list of 1 to 200', 'Send [{"first_name": "Lina"}, …].');
    end if;
    for item in select x.value as pupil, x.place from jsonb_array_elements(pupils) with ordinality x (value, place) order by x.place loop
        if jsonb_typeof(item.pupil) <> 'object' then
            perform private.refuse('MP010', 'pupils', format('number %s is not an object', item.place), 'Send [{"first_name": "Lina"}, …].');
        end if;
        -- Refused by name, whatever is in it: this is where a surname or an address would come in.
        -- Nor is the key said back, in which somebody may have written it.
        if exists (
            select from jsonb_object_keys(item.pupil) k (key)
            where k.key not in ('pupil_id', 'first_name', 'initial', 'team', 'team_id')
        ) then
            perform private.refuse('MP010', format('pupil %s', item.place), 'a pupil is known by a first name and nothing else',
                'Send first_name, initial and team only.');
        end if;
        -- Values that are no text have no business in a list of names.
        perform private.typed(item.pupil, k.key, item.place) from jsonb_object_keys(item.pupil) k (key);
        if coalesce(item.pupil ->> 'pupil_id', gen_random_uuid()::text) !~ uuid_form
            or coalesce(item.pupil ->> 'team_id', gen_random_uuid()::text) !~ uuid_form then
            perform private.refuse('MP083');
        end if;
        are_new := are_new || (item.pupil ->> 'pupil_id' is null);
        ids := ids || coalesce((item.pupil ->> 'pupil_id')::uuid, gen_random_uuid());
        first_names := array_append(first_names, case
            when item.pupil ->> 'pupil_id' is null or item.pupil ->> 'first_name' is not null
                then private.clean_first_name(item.pupil ->> 'first_name', item.place) end);
        initials := array_append(initials, private.clean_initial(item.pupil ->> 'initial', item.place));
        team_names := array_append(team_names, case
            when item.pupil ->> 'team' is not null
                -- A team that the class has is no new name.
                then private.clean_class_text(format('team of pupil %s', item.place), item.pupil ->> 'team', 40, not exists (
                    select
                    from mpp.team t
                    where t.league_id = class_id and private.folded(t.name) = private.folded(private.trimmed(left(item.pupil ->> 'team', 200)))
                )) end);
        team_ids := array_append(team_ids, (item.pupil ->> 'team_id')::uuid);
    end loop;

    begin
        if (select count(*) from unnest(ids, are_new) i (id, is_new) where not i.is_new)
            <> (
                select count(*)
                from mpp.player p
                where p.league_id = class_id
                    and p.alias is null
                    and p.id in (select i.id from unnest(ids, are_new) i (id, is_new) where not i.is_new)
            )
            or exists (
                select
                from unnest(team_ids) i (id)
                where i.id is not null and not exists (select from mpp.team t where t.id = i.id and t.league_id = class_id)
            ) then
            perform private.refuse('MP083');
        end if;
        -- Also counted with those who left, or pupils could come and go without end, and their points with them.
        if (select count(*) from mpp.player p where p.league_id = class_id) + (select count(*) from unnest(are_new) n (is_new) where n.is_new)
                > e.league_max_players
            or (select count(*) from mpp.player p where p.league_id = class_id or p.left_class_id = class_id)
                + (select count(*) from unnest(are_new) n (is_new) where n.is_new) > 2 * e.league_max_players then
            perform private.refuse('MP032', e.league_max_players::text);
        end if;

        perform private.make_teams(class_id, array(
            select n.called
            from (select t.called, min(t.place) as place from unnest(team_names) with ordinality t (called, place) group by t.called) n
            where n.called is not null
            order by n.place
        ), e.teams_per_league);
        team_ids := array(
            select coalesce(i.id, (
                select t.id from mpp.team t where t.league_id = class_id and private.folded(t.name) = private.folded(i.called)
                order by t.created_at, t.id limit 1))
            from unnest(team_ids, team_names) with ordinality i (id, called, place)
            order by i.place
        );
        -- Who was given no team goes to the smallest, the oldest of equals.
        select array_agg(t.id order by t.created_at, t.id),
            array_agg((
                (select count(*) from mpp.player p where p.team_id = t.id)
                + (select count(*) from unnest(team_ids, are_new) i (id, is_new) where i.id = t.id and i.is_new)
            )::integer order by t.created_at, t.id)
        into teams, sizes
        from mpp.team t
        where t.league_id = class_id;
        for i in 1 .. cardinality(ids) loop
            if are_new[i] and team_ids[i] is null then
                select s.place into smallest from unnest(sizes) with ordinality s (size, place) order by s.size, s.place limit 1;
                team_ids[i] := teams[smallest];
                sizes[smallest] := sizes[smallest] + 1;
            end if;
        end loop;

        -- Corrected pupils give their names up first, so that two of them may exchange a name or an initial.
        select array_agg(coalesce(c.first_name, p.first_name) order by c.place), array_agg(coalesce(c.initial, p.initial) order by c.place)
        into first_names, initials
        from unnest(ids, first_names, initials) with ordinality c (id, first_name, initial, place)
        left join mpp.player p on p.id = c.id;
        update mpp.player p
        set first_name = '—', initial = null
        from unnest(ids, are_new) c (id, is_new)
        where p.id = c.id and not c.is_new;
        begin
            update mpp.player p
            set first_name = c.first_name, initial = c.initial, team_id = coalesce(c.team_id, p.team_id)
            from unnest(ids, are_new, first_names, initials, team_ids) c (id, is_new, first_name, initial, team_id)
            where p.id = c.id and not c.is_new;
            insert into mpp.player (id, edition_id, league_id, team_id, first_name, initial, listed)
            select c.id, e.id, class_id, c.team_id, c.first_name, c.initial, false
            from unnest(ids, are_new, first_names, initials, team_ids) with ordinality c (id, is_new, first_name, initial, team_id, place)
            where c.is_new
            order by c.place;
        exception when unique_violation then
            perform private.refuse('MP081', coalesce((
                select string_agg(c.place::text, ', ' order by c.place)
                from unnest(ids, first_names) with ordinality c (id, first_name, place)
                where exists (
                        select from mpp.player p
                        where p.league_id = class_id and not p.id = any (ids) and private.folded(p.first_name) = private.folded(c.first_name)
                    )
                    or exists (
                        select from unnest(ids, first_names) o (id, first_name)
                        where o.id <> c.id and private.folded(o.first_name) = private.folded(c.first_name)
                    )
            ), '—'));
        end;
        perform private.settle_initials(class_id, ids);
        outcome := array(
            select (case when not (dry_run and c.is_new) then p.id end, p.first_name, p.initial,
                private.pupil_name(p.first_name, p.initial), p.team_id)::api.class_pupil
            from unnest(ids, are_new) with ordinality c (id, is_new, place)
            join mpp.player p on p.id = c.id
            order by c.place
        );
        perform private.record_for_class('class.add_pupils', class_id, jsonb_build_object('pupils', cardinality(ids)));
        if dry_run then
            raise exception using errcode = 'MPDRY', message = 'dry run';
        end if;
    exception when sqlstate 'MPDRY' then
        null;
    end;
    return query select o.* from unnest(outcome) o;
end
$$;
grant execute on function private.add_pupils to authenticated, service_role;

create function api.add_pupils(class_id uuid, pupils jsonb, dry_run boolean default false) returns setof api.class_pupil
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.add_pupils(class_id, pupils, dry_run); end;
comment on function api.add_pupils is 'Adds pupils to a class, all or none: [{"first_name", "initial", "team"}]. With pupil_id an element corrects a pupil who is there: when a first name comes twice, give an initial to both in one call. Teams that are named and missing are made. Any other key is refused by name. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP032, MP037, MP081, MP083.';
grant execute on function api.add_pupils to authenticated, service_role;

-- A pupil who leaves: the name goes at once, the points stay with the class. Once the edition is over only the name goes,
-- or taking out those who did nothing would raise an average that everybody can see already.
create function private.remove_pupil(pupil_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    class uuid := (select p.league_id from mpp.player p where p.id = pupil_id and p.alias is null);
    over boolean;
begin
    perform private.begin_class(class, when_frozen => true);
    select private.clock() >= e.ends_at into over from mpp.league l join mpp.edition e on e.id = l.edition_id where l.id = class;
    update mpp.player p
    set first_name = '—',
        initial = null,
        left_class_id = case when not over then p.league_id end,
        league_id = case when over then p.league_id end,
        team_id = case when over then p.team_id end
    where p.id = pupil_id and p.league_id = class;
    if not found then
        perform private.refuse('MP083');
    end if;
    perform private.settle_initials(class);
    if private.is_ops() then
        perform private.record_act('pupil.remove', class::text, jsonb_build_object('pupil_id', pupil_id));
    end if;
end
$$;
grant execute on function private.remove_pupil to authenticated, service_role;

create function api.remove_pupil(pupil_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_pupil(pupil_id); end;
comment on function api.remove_pupil is 'Takes a pupil out of their class: the first name is deleted, for good, and what they earned stays with the class. Its teachers and staff, also after the freeze. Errors: MP001, MP002, MP008, MP011, MP083.';
grant execute on function api.remove_pupil to authenticated, service_role;

-- Once the diplomas are printed nobody needs to know who the pupils were.
create function private.forget_pupils(edition_code text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    forgotten integer;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    perform private.lock_edition(e.id, alone => true);
    e := private.find_edition(edition_code);
    if e.frozen_at is null then
        perform private.refuse('MP026', jsonb_build_object('ends_at', e.ends_at), e.code, private.spoken(e.ends_at));
    end if;
    update mpp.player p
    set first_name = '—', initial = null
    where p.edition_id = e.id and p.alias is null and p.first_name <> '—';
    get diagnostics forgotten = row_count;
    delete from mpp.family f using mpp.league l where l.id = f.league_id and l.edition_id = e.id;
    delete from mpp.class_code c using mpp.league l where l.id = c.league_id and l.edition_id = e.id;
    delete from mpp.class_invitation i using mpp.league l where l.id = i.league_id and l.edition_id = e.id;
    perform private.record_act('edition.forget_pupils', e.code, jsonb_build_object('pupils', forgotten));
    return forgotten;
end
$$;
grant execute on function private.forget_pupils to authenticated, service_role;

create function api.forget_pupils(edition_code text) returns integer
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.forget_pupils(edition_code); end;
comment on function api.forget_pupils is 'Deletes the first names of all pupils of a frozen edition, for good, and closes its classes to families; points and ranks stay. Returns how many names. Staff. Errors: MP006, MP020, MP026.';
grant execute on function api.forget_pupils to authenticated, service_role;

-- Whether a challenge is in play for a class.
create function private.is_in_play(class mpp.league, challenge mpp.edition_challenge) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(class.level = any (challenge.levels), false)
        and (
            not exists (select from mpp.class_challenge c where c.league_id = class.id)
            or exists (select from mpp.class_challenge c where c.league_id = class.id and c.challenge_id = challenge.id)
        )
$$;

create function private.choose_class_challenges(class_id uuid, challenge_ids integer[]) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    class mpp.league;
begin
    perform private.begin_class(class_id);
    perform private.edition_going_on(class_id);
    select * into class from mpp.league l where l.id = class_id;
    if challenge_ids is null then
        delete from mpp.class_challenge c where c.league_id = class.id;
        return (select count(*) from mpp.edition_challenge c where c.edition_id = class.edition_id and class.level = any (c.levels));
    end if;
    if cardinality(challenge_ids) not between 1 and 300 then
        perform private.refuse('MP010', 'challenge_ids', format('it has %s elements', cardinality(challenge_ids)),
            'Choose at least one challenge; send null for all of the level.');
    end if;
    if exists (
        select
        from unnest(challenge_ids) i (id)
        where not exists (
            select from mpp.edition_challenge c where c.id = i.id and c.edition_id = class.edition_id and class.level = any (c.levels)
        )
    ) then
        perform private.refuse('MP040');
    end if;
    delete from mpp.class_challenge c where c.league_id = class.id and not c.challenge_id = any (challenge_ids);
    insert into mpp.class_challenge (league_id, challenge_id)
    select class.id, i.id from unnest(challenge_ids) i (id)
    on conflict do nothing;
    return (select count(*) from mpp.class_challenge c where c.league_id = class.id);
end
$$;
grant execute on function private.choose_class_challenges to authenticated, service_role;

create function api.choose_class_challenges(class_id uuid, challenge_ids integer[]) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.choose_class_challenges(class_id, challenge_ids); end;
comment on function api.choose_class_challenges is 'Sets which challenges of its level a class plays, and returns how many; null: all of them. What was validated stays. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP040.';
grant execute on function api.choose_class_challenges to authenticated, service_role;

-- Families.
create function private.renew_class_code(class_id uuid) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    fresh text := private.new_join_code();
begin
    perform private.begin_class(class_id, when_frozen => true);
    perform private.record_for_class('class.renew_code', class_id);
    insert into mpp.class_code (league_id, code) values (class_id, fresh)
    on conflict (league_id) do update set code = excluded.code, renewed_at = private.clock();
    delete from mpp.family f where f.league_id = class_id;
    return fresh;
end
$$;
grant execute on function private.renew_class_code to authenticated, service_role;

create function api.renew_class_code(class_id uuid) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.renew_class_code(class_id); end;
comment on function api.renew_class_code is 'Gives a class a new code and returns it; whoever entered with an older one is out until they give the new one. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';
grant execute on function api.renew_class_code to authenticated, service_role;

create function private.revoke_class_code(class_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.begin_class(class_id, when_frozen => true);
    perform private.record_for_class('class.revoke_code', class_id);
    delete from mpp.class_code c where c.league_id = class_id;
    delete from mpp.family f where f.league_id = class_id;
end
$$;
grant execute on function private.revoke_class_code to authenticated, service_role;

create function api.revoke_class_code(class_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.revoke_class_code(class_id); end;
comment on function api.revoke_class_code is 'Takes the code of a class away: families are out at once and nobody enters until it is renewed. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';
grant execute on function api.revoke_class_code to authenticated, service_role;

create type api.claim_result as (class_id uuid, claimed boolean, guesses_left integer);
comment on type api.claim_result is 'Outcome of a class code: the class, or how many wrong codes are left in this hour.';

-- The one thing an anonymous account may do. As in unlock_challenge a wrong code is an answer and not an error, so that
-- it is remembered; per account, because a whole school shares one address.
create function private.claim_class(code text) returns api.claim_result
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    most constant integer := 10;
    account uuid := private.signed_in(anonymous_too => true);
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    at timestamptz;
    class uuid;
    wrong integer;
    oldest timestamptz;
begin
    perform private.require_no_maintenance();
    perform private.hold_account(account);
    -- One guess at a time for one account.
    perform pg_advisory_xact_lock(hashtext('mpp.class_guess'), hashtext(account::text));
    at := private.clock();
    delete from mpp.class_guess g where g.account_id = account and g.guessed_at <= at - interval '1 hour';
    select count(*), min(g.guessed_at) into wrong, oldest from mpp.class_guess g where g.account_id = account;
    if wrong >= most then
        perform private.refuse('MP046', jsonb_build_object('until', oldest + interval '1 hour'),
            private.spoken(oldest + interval '1 hour'));
    end if;
    select c.league_id into class from mpp.class_code c where c.code = typed;
    if class is not null then
        perform private.lock_edition(l.edition_id) from mpp.league l where l.id = class;
        perform private.lock_league(class);
        -- It may have been renewed while this waited.
        if not exists (select from mpp.class_code c where c.league_id = class and c.code = typed) then
            class := null;
        end if;
    end if;
    if class is null then
        insert into mpp.class_guess (account_id, guessed_at) values (account, at);
        return (null, false, most - wrong - 1)::api.claim_result;
    end if;
    if (select count(*) from mpp.family f where f.account_id = account and f.league_id <> class) >= 10 then
        perform private.refuse('MP086', '10');
    end if;
    insert into mpp.family (account_id, league_id) values (account, class) on conflict do nothing;
    return (class, true, most - wrong)::api.claim_result;
end
$$;
grant execute on function private.claim_class to authenticated;

create function api.claim_class(code text) returns api.claim_result
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.claim_class(code); end;
comment on function api.claim_class is 'Opens a class, to read only, to whoever gives its code; anonymous accounts too. Wrong codes are limited per account and hour. Errors: MP001, MP011, MP046, MP086.';
grant execute on function api.claim_class to authenticated;

-- Colleagues.
create function private.invite_co_teacher(class_id uuid) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    fresh text := private.new_join_code();
begin
    -- Who reads a class may change after the freeze: that is no matter of the ranking.
    perform private.begin_class(class_id, when_frozen => true);
    perform private.record_for_class('class.invite', class_id);
    insert into mpp.class_invitation (league_id, code, expires_at)
    values (class_id, fresh, private.clock() + interval '168 hours')
    on conflict (league_id) do update set code = excluded.code, expires_at = excluded.expires_at;
    return fresh;
end
$$;
grant execute on function private.invite_co_teacher to authenticated, service_role;

create function api.invite_co_teacher(class_id uuid) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.invite_co_teacher(class_id); end;
comment on function api.invite_co_teacher is 'Makes an invitation for one colleague, good once and for seven days, in place of an earlier one; returns its code. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';
grant execute on function api.invite_co_teacher to authenticated, service_role;

create function private.accept_class(code text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.begin_teach();
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    class mpp.league;
begin
    perform private.hold_profile(account, plays => false);
    select l.* into class from mpp.class_invitation i join mpp.league l on l.id = i.league_id where i.code = typed;
    if found then
        perform private.lock_edition(class.edition_id);
        perform private.lock_league(class.id);
        if exists (select from mpp.ambassador a where a.league_id = class.id and a.account_id = account) then
            return class.id;
        end if;
        delete from mpp.class_invitation i where i.league_id = class.id and i.code = typed and i.expires_at > private.clock();
    end if;
    -- Of twenty at once one has taken it.
    if not found then
        perform private.refuse('MP082');
    end if;
    insert into mpp.ambassador (league_id, account_id, is_principal)
    select class.id, account, not exists (select from mpp.ambassador a where a.league_id = class.id and a.is_principal);
    return class.id;
end
$$;
grant execute on function private.accept_class to authenticated;

create function api.accept_class(code text) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.accept_class(code); end;
comment on function api.accept_class is 'Takes a colleague''s invitation: the caller, a teacher, now runs the class too. Returns the class id. Errors: MP001, MP002, MP009, MP011, MP082.';
grant execute on function api.accept_class to authenticated;

create function private.hand_over_class(class_id uuid, teacher_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
begin
    perform from mpp.profile p where p.id = teacher_id for key share;
    account := private.begin_class(class_id, when_frozen => true);
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP008');
    end if;
    -- The staff may give a class that lost its teacher to any other.
    if not exists (select from mpp.teacher t where t.account_id = teacher_id)
        or not (private.is_ops() or exists (
            select from mpp.ambassador a where a.league_id = class_id and a.account_id = teacher_id)) then
        perform private.refuse('MP005');
    end if;
    update mpp.ambassador a set is_principal = false where a.league_id = class_id and a.is_principal;
    insert into mpp.ambassador (league_id, account_id, is_principal) values (class_id, teacher_id, true)
    on conflict on constraint ambassador_pkey do update set is_principal = true;
    -- Whom the former teacher invited, the new one may invite again.
    delete from mpp.class_invitation i where i.league_id = class_id;
    perform private.record_act('class.hand_over', class_id::text, jsonb_build_object('teacher_id', teacher_id));
end
$$;
grant execute on function private.hand_over_class to authenticated, service_role;

create function api.hand_over_class(class_id uuid, teacher_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.hand_over_class(class_id, teacher_id); end;
comment on function api.hand_over_class is 'Makes a colleague who already runs the class its principal teacher; the former one stays. The principal teacher, and staff, who may name any teacher. Errors: MP001, MP002, MP005, MP008, MP011, MP047.';
grant execute on function api.hand_over_class to authenticated, service_role;

create function private.remove_co_teacher(class_id uuid, teacher_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.begin_class(class_id, when_frozen => true);
begin
    if not private.is_ops() and teacher_id <> account and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP008');
    end if;
    delete from mpp.ambassador a where a.league_id = class_id and a.account_id = teacher_id and not a.is_principal;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_for_class('class.remove_teacher', class_id, jsonb_build_object('teacher_id', teacher_id));
    -- Who knew the class code, or an invitation, must not come back by it.
    perform private.renew_codes(array[class_id]);
end
$$;
grant execute on function private.remove_co_teacher to authenticated, service_role;

create function api.remove_co_teacher(class_id uuid, teacher_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_co_teacher(class_id, teacher_id); end;
comment on function api.remove_co_teacher is 'Takes a class from a colleague, or from oneself; the principal teacher hands it over first. The class code is renewed with it, because the colleague knew it: families enter again with the new one. The principal teacher, the colleague, and staff. Errors: MP001, MP002, MP005, MP008, MP011.';
grant execute on function api.remove_co_teacher to authenticated, service_role;

create type api.class_teacher as (teacher_id uuid, first_name text, last_name text, is_principal boolean, is_me boolean);
comment on type api.class_teacher is 'A teacher of a class, for the other teachers of that class.';

create function private.class_teachers(class_id uuid) returns setof api.class_teacher
    language plpgsql stable security definer rows 2 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := case when private.is_ops() then (select private.my_account()) else private.signed_in() end;
begin
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account
    ) then
        perform private.refuse('MP008');
    end if;
    return query
    select a.account_id, p.first_name::text, p.last_name::text, a.is_principal, coalesce(a.account_id = (select private.my_account()), false)
    from mpp.ambassador a
    join mpp.league l on l.id = a.league_id and l.school_id is not null
    join mpp.profile p on p.id = a.account_id
    where a.league_id = class_id
    order by a.is_principal desc, a.granted_at;
end
$$;
grant execute on function private.class_teachers to authenticated, service_role;

create function api.class_teachers(class_id uuid) returns setof api.class_teacher
    language sql stable rows 2 set search_path = pg_catalog, pg_temp
begin atomic select * from private.class_teachers(class_id); end;
comment on function api.class_teachers is 'Who runs a class, the principal teacher first. Its teachers and staff. Errors: MP001, MP002, MP008.';
grant execute on function api.class_teachers to authenticated, service_role;
