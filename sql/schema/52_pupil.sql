-- Pupils of a class: adding, correcting, removing, forgetting. A pupil is known by the first name alone; an initial is
-- added while that name repeats in the class.

-- The name of a pupil as the class reads it.
create function private.pupil_name(first_name text, initial text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select first_name || coalesce(' ' || initial || '.', '') $$;
grant execute on function private.pupil_name to authenticated, service_role;

-- No refusal repeats what is typed about a pupil: messages end up in the server's log, and what was refused may be the
-- very surname or address that nobody should keep. The place in the list tells which pupil it was.
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

-- One word only: there must be nowhere to write a surname.
create function private.clean_first_name(value text, place bigint) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    field text := format('first_name of pupil %s', place);
    -- Signs that some keyboards give for an apostrophe, and the okina.
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

-- The name of a class or of its team is free text that strangers read, like any other name. A date of birth or a
-- telephone number would say something about a pupil; school years, levels and counting rhymes do not.
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

-- Deletes an initial that is no longer needed, and requires one where it is.
create function private.update_initials(class uuid, listed uuid[] default '{}') returns void
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
comment on type api.class_pupil is 'A pupil of a class. name is the first name, with the initial where it is needed.';

-- Makes the teams that a list of pupils names and the class does not have yet. A class that still has its one empty
-- team gives it the first of these names.
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
    perform private.lock_class(class_id);
    e := private.require_edition_not_over(class_id);
    if jsonb_typeof(pupils) is distinct from 'array' or jsonb_array_length(pupils) not between 1 and 200 then
        perform private.refuse('MP010', 'pupils', 'it is not a list of 1 to 200', 'Send [{"first_name": "Lina"}, …].');
    end if;
    for item in select x.value as pupil, x.place from jsonb_array_elements(pupils) with ordinality x (value, place) order by x.place loop
        if jsonb_typeof(item.pupil) <> 'object' then
            perform private.refuse('MP010', 'pupils', format('number %s is not an object', item.place), 'Send [{"first_name": "Lina"}, …].');
        end if;
        -- A key is refused by itself, whatever its value: this is where a surname or an address would come in. The
        -- refusal does not repeat the key, in which somebody may have written one.
        if exists (
            select from jsonb_object_keys(item.pupil) k (key)
            where k.key not in ('pupil_id', 'first_name', 'initial', 'team', 'team_id')
        ) then
            perform private.refuse('MP010', format('pupil %s', item.place), 'a pupil is known by a first name and nothing else',
                'Send first_name, initial and team only.');
        end if;
        -- A value that is no text does not belong in a list of names.
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
                -- A team that the class has is not a new name.
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
        -- Pupils who left count too, or pupils could come and go without end, and their points with them.
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
        -- A pupil without a team goes to the smallest one, the oldest of equals.
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

        -- Corrected pupils give up their names first, so that two of them may exchange a name or an initial.
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
        perform private.update_initials(class_id, ids);
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
comment on function api.add_pupils is 'Adds pupils to a class, all or none: [{"first_name", "initial", "team"}]. An element with pupil_id corrects that pupil. When a first name comes twice, give an initial to both in one call. Teams that are named and missing are made. Any other key is refused. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP032, MP037, MP081, MP083.';
grant execute on function api.add_pupils to authenticated, service_role;

-- A pupil leaves: the name goes at once, and the points stay with the class. Once the edition is over only the name
-- goes. Otherwise taking out pupils who did nothing would raise an average that everybody can see already.
create function private.remove_pupil(pupil_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    class uuid := (select p.league_id from mpp.player p where p.id = pupil_id and p.alias is null);
    over boolean;
begin
    perform private.lock_class(class, when_frozen => true);
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
    perform private.update_initials(class);
    if private.is_ops() then
        perform private.record_act('pupil.remove', class::text, jsonb_build_object('pupil_id', pupil_id));
    end if;
end
$$;
grant execute on function private.remove_pupil to authenticated, service_role;

create function api.remove_pupil(pupil_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_pupil(pupil_id); end;
comment on function api.remove_pupil is 'Takes a pupil out of the class: the first name is deleted for good, and what the pupil earned stays with the class. Its teachers and staff, also after the freeze. Errors: MP001, MP002, MP008, MP011, MP083.';
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
        perform private.refuse('MP026', jsonb_build_object('ends_at', e.ends_at), e.code, private.format_instant(e.ends_at));
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
comment on function api.forget_pupils is 'Deletes the first names of all pupils of a frozen edition for good, and closes its classes to families. Points and ranks stay. Returns how many names. Staff. Errors: MP006, MP020, MP026.';
grant execute on function api.forget_pupils to authenticated, service_role;
