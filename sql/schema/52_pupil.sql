-- Pupils of a class: adding, correcting, removing, forgetting. A pupil is known by the first name alone; an initial is
-- added while that name repeats in the class.

-- The name of a pupil as the class reads it.
create function private.pupil_name(first_name text, initial text) returns text
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select first_name || coalesce(' ' || initial || '.', '') $$;
grant execute on function private.pupil_name to authenticated, service_role;

-- No refusal repeats what is typed about a pupil: messages end up in the server's log, and what was refused may be the
-- very surname or address that nobody should keep. The row of the list tells which pupil it was.

-- Signs that some keyboards give for an apostrophe become one, and so does the okina.
create function private.first_name_of(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select translate(private.trimmed(value), '`´‘ʻʼˈ', '''''’’’’') $$;

-- One word only: there must be nowhere to write a surname.
create function private.fault_of_first_name(value text) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    fault text[] := coalesce(private.fault_of_line(value, 30), private.fault_of_unseen(value));
begin
    return case
        when fault is not null then fault
        when private.first_name_of(value) ~ ' '
            then array['it has a space', 'Give the first name alone; join a compound one with a hyphen, such as Marie-Lou.']
        when not private.is_one_word(private.first_name_of(value))
            then array['it has a sign that is no letter', 'Use letters, hyphens and apostrophes only.']
    end;
end
$$;

-- As it is kept; nothing when there is none.
create function private.initial_of(value text) returns text
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$ select nullif(upper(private.folded(replace(private.trimmed(left(value, 20)), '.', ''))), '') $$;

create function private.fault_of_initial(value text) returns text[]
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select case when char_length(i.initial) > 2 or not private.is_one_word(i.initial)
        then array['it is no initial', 'Give one letter, or two.'] end
    from (select private.initial_of(value)) i (initial)
    where i.initial is not null
$$;

-- The name of a class or of its team is free text that strangers read, like any other name. A date of birth or a
-- telephone number would say something about a pupil; school years, levels and counting rhymes do not.
create function private.fault_of_class_text(value text, longest integer, listed boolean) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text := private.trimmed(left(value, 1000));
    rest text;
begin
    rest := regexp_replace(cleaned, '\m20[0-9]{2} ?[-–/] ?(20)?[0-9]{2}\M(?![/.-][0-9])', '', 'g');
    if cleaned ~ '@'
        or rest ~ '\m(0?[1-9]|[12][0-9]|3[01])([/.-])(0?[1-9]|1[0-2])\2((19|20)[0-9]{2}|[0-9]{2})\M'
        or rest ~ '\m(19|20)[0-9]{2}([/.-])(0?[1-9]|1[0-2])\2(0?[1-9]|[12][0-9]|3[01])\M'
        or rest ~ '[0-9]([ ./()-]*[0-9]){7}' then
        return array['it looks like an address, a date or a telephone number', 'Use a name that says nothing about a pupil.'];
    end if;
    return private.fault_of_name(value, longest, null, listed);
end
$$;

create function private.clean_class_text(field text, value text, longest integer) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_class_text(value, longest, false));
    return private.trimmed(value);
end
$$;

-- An initial goes as soon as it is not needed.
create function private.drop_initials(class uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.player p
    set initial = null
    where p.league_id = class
        and p.initial is not null
        and not exists (
            select from mpp.player o
            where o.league_id = class and o.id <> p.id and private.folded(o.first_name) = private.folded(p.first_name)
        );
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

-- What is wrong with one pupil of a list, whatever the others are: [fault, argument, …] each. The arguments of a field
-- tell what is wrong with it and what to do.
create function private.faults_of_pupil(class uuid, pupil jsonb) returns setof jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    no_text constant text[] := array['it is not a text', 'Send a text, or leave it out.'];
    fault text[];
begin
    if jsonb_typeof(pupil) <> 'object' then
        return next jsonb_build_array('not_an_object');
        return;
    end if;
    -- A key is refused by itself, whatever its value: this is where a surname or an address would come in. The
    -- refusal does not repeat the key, in which somebody may have written one.
    if exists (
        select from jsonb_object_keys(pupil) k (key) where k.key not in ('pupil_id', 'first_name', 'initial', 'team', 'team_id')
    ) then
        return next jsonb_build_array('key_unknown');
    end if;
    if pupil ->> 'pupil_id' is not null and not exists (
        select from mpp.player p where p.league_id = class and p.alias is null and p.id::text = lower(pupil ->> 'pupil_id')
    ) then
        return next jsonb_build_array('pupil_unknown');
    end if;
    if pupil ->> 'team_id' is not null and not exists (
        select from mpp.team t where t.league_id = class and t.id::text = lower(pupil ->> 'team_id')
    ) then
        return next jsonb_build_array('team_unknown');
    end if;
    -- A value that is no text does not belong in a list of names.
    fault := case
        when jsonb_typeof(pupil -> 'first_name') not in ('string', 'null') then no_text
        when pupil ->> 'pupil_id' is null or pupil ->> 'first_name' is not null
            then private.fault_of_first_name(pupil ->> 'first_name')
    end;
    if fault is not null then
        return next jsonb_build_array('first_name_wrong', fault[1], fault[2]);
    end if;
    fault := case
        when jsonb_typeof(pupil -> 'initial') not in ('string', 'null') then no_text
        else private.fault_of_initial(pupil ->> 'initial')
    end;
    if fault is not null then
        return next jsonb_build_array('initial_wrong', fault[1], fault[2]);
    end if;
    fault := case
        when jsonb_typeof(pupil -> 'team') not in ('string', 'null') then no_text
        -- A team that the class has is not a new name.
        when pupil ->> 'team' is not null then private.fault_of_class_text(pupil ->> 'team', 40, not exists (
            select
            from mpp.team t
            where t.league_id = class and private.folded(t.name) = private.folded(private.trimmed(left(pupil ->> 'team', 200)))
        ))
    end;
    if fault is not null then
        return next jsonb_build_array('team_wrong', fault[1], fault[2]);
    end if;
end
$$;

create function private.add_pupils(class_id uuid, pupils jsonb, dry_run boolean) returns setof api.class_pupil
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    faults jsonb;
    places bigint[];
    ids uuid[];
    are_new boolean[];
    first_names text[];
    initials text[];
    team_names text[];
    team_ids uuid[];
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
    select coalesce(jsonb_agg(jsonb_build_object('row', g.place, 'fault', f.fault -> 0, 'arguments', f.fault - 0) order by g.place, f.turn), '[]')
    into faults
    from jsonb_array_elements(pupils) with ordinality g (pupil, place)
    cross join lateral private.faults_of_pupil(class_id, g.pupil) with ordinality f (fault, turn);
    -- The rest of the list is read all the same, so that its faults come in the same answer.
    select coalesce(array_agg(r.place order by r.place), '{}'), coalesce(array_agg(r.id order by r.place), '{}'),
        coalesce(array_agg(r.is_new order by r.place), '{}'), coalesce(array_agg(r.first_name order by r.place), '{}'),
        coalesce(array_agg(r.initial order by r.place), '{}'), coalesce(array_agg(r.team order by r.place), '{}'),
        coalesce(array_agg(r.team_id order by r.place), '{}')
    into places, ids, are_new, first_names, initials, team_names, team_ids
    from (
        select g.place, coalesce(p.id, gen_random_uuid()) as id, p.id is null as is_new,
            coalesce(private.first_name_of(g.pupil ->> 'first_name'), p.first_name) as first_name,
            coalesce(private.initial_of(g.pupil ->> 'initial'), p.initial) as initial,
            private.trimmed(g.pupil ->> 'team') as team, t.id as team_id
        from jsonb_array_elements(pupils) with ordinality g (pupil, place)
        left join mpp.player p on p.league_id = class_id and p.id::text = lower(g.pupil ->> 'pupil_id')
        left join mpp.team t on t.league_id = class_id and t.id::text = lower(g.pupil ->> 'team_id')
        where not exists (select from jsonb_array_elements(faults) f (fault) where (f.fault ->> 'row')::bigint = g.place)
    ) r;
    faults := faults || coalesce((
        select jsonb_agg(jsonb_build_object('row', j.place, 'fault', j.fault -> 0, 'arguments', j.fault - 0) order by j.place)
        from (
            select n.place,
                case
                    when count(*) over (partition by n.id) > 1 then '["pupil_twice"]'::jsonb
                    -- Each who has a name needs an initial, and each another one.
                    when count(*) over (partition by n.name) > 1
                        and (bool_or(n.initial is null) over (partition by n.name) or count(*) over (partition by n.name, n.initial) > 1)
                        then '["first_name_twice"]'::jsonb
                end as fault
            from (
                select l.place, l.id, private.folded(l.first_name) as name, l.initial
                from unnest(places, ids, first_names, initials) l (place, id, first_name, initial)
                union all
                select null, p.id, private.folded(p.first_name), p.initial
                from mpp.player p
                where p.league_id = class_id and p.first_name <> '—' and p.id <> all (ids)
            ) n
        ) j
        where j.place is not null and j.fault is not null
    ), '[]');
    perform private.refuse_import((
        select jsonb_agg(f.fault order by (f.fault ->> 'row')::bigint, f.turn) from jsonb_array_elements(faults) with ordinality f (fault, turn)
    ));

    begin
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
        update mpp.player p
        set first_name = '—', initial = null
        from unnest(ids, are_new) c (id, is_new)
        where p.id = c.id and not c.is_new;
        update mpp.player p
        set first_name = c.first_name, initial = c.initial, team_id = coalesce(c.team_id, p.team_id)
        from unnest(ids, are_new, first_names, initials, team_ids) c (id, is_new, first_name, initial, team_id)
        where p.id = c.id and not c.is_new;
        insert into mpp.player (id, edition_id, league_id, team_id, first_name, initial, listed)
        select c.id, e.id, class_id, c.team_id, c.first_name, c.initial, false
        from unnest(ids, are_new, first_names, initials, team_ids) with ordinality c (id, is_new, first_name, initial, team_id, place)
        where c.is_new
        order by c.place;
        perform private.drop_initials(class_id);
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
comment on function api.add_pupils is 'Adds pupils to a class, all or none: [{"first_name", "initial", "team"}]. An element with pupil_id corrects that pupil. When a first name comes twice, give an initial to both in one call. Teams that are named and missing are made. The faults of all rows, unknown keys too, come in one answer (MP070). Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP032, MP037, MP070.';
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
    perform private.drop_initials(class);
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
