-- Leagues that a client makes, under its units, and the join codes that it hands out. Its guests are in 62_participant.

-- The participation of a client's command; its edition is locked and still open to new leagues.
create function private.lock_open_participation(participation integer, at_least api.staff_role default 'manager') returns mpp.participation
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation;
begin
    if not private.is_ops() then
        perform private.require_account(registered => false);
    end if;
    -- Another client's participation gets the refusal for one that does not exist.
    select * into p
    from mpp.participation x
    where x.id = participation and x.organisation_id in (select m.id from private.my_organisation_ids() m (id));
    if not found then
        perform private.refuse('MP093');
    end if;
    perform private.require_client(p.organisation_id, at_least);
    perform private.lock_joinable_edition(p.edition_id);
    return p;
end
$$;

-- Locks the leagues and guests of a client, for one change at a time. While this waited the client may have been
-- withdrawn, or the caller removed: the same lock covers the end of an access, and its codes are then renewed.
create function private.lock_client(p mpp.participation, at_least api.staff_role default 'manager') returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtext('mpp.client'), p.organisation_id);
    if not exists (
        select
        from mpp.participation x
        where x.id = p.id and x.organisation_id in (select m.id from private.my_organisation_ids() m (id))
    ) then
        perform private.refuse('MP093');
    end if;
    perform private.require_client(p.organisation_id, at_least);
end
$$;

create type api.client_league as (league_id uuid, name text, unit text, join_code text, is_new boolean);
comment on type api.client_league is 'A league of a client with the code that opens it.';

-- What is wrong with an element of a list of leagues. `carried` is what their names begin with, or nothing.
create function private.faults_of_client_league(p mpp.participation, carried text, league jsonb) returns setof jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    no_text constant text[] := array['it is not a text', 'Send {"name": "…", "unit": "…"}.'];
    fault text[];
begin
    if jsonb_typeof(league) <> 'object' then
        return next jsonb_build_array('not_an_object');
        return;
    end if;
    fault := case
        -- A list or an object would be read as a name in brackets.
        when jsonb_typeof(league -> 'name') is distinct from 'string' then no_text
        else coalesce(
            private.fault_of_name(league ->> 'name', 60, p.organisation_id, true),
            private.fault_of_line(carried || private.trimmed(league ->> 'name'), 60),
            (
                select array['another league of this edition has it', 'Choose another name.']
                from mpp.league l
                where l.edition_id = p.edition_id and l.school_id is null and l.participation_id is distinct from p.id
                    and lower(l.name) = lower(private.trimmed(carried || private.trimmed(league ->> 'name')))
            ))
    end;
    if fault is not null then
        return next jsonb_build_array('league_name_wrong', fault[1], fault[2]);
    end if;
    fault := case
        when jsonb_typeof(league -> 'unit') not in ('string', 'null') then no_text
        when league ->> 'unit' is not null then private.fault_of_name(league ->> 'unit', 60, p.organisation_id, true)
    end;
    if fault is not null then
        return next jsonb_build_array('unit_wrong', fault[1], fault[2]);
    end if;
end
$$;

create function private.create_client_leagues(participation_id integer, leagues jsonb, dry_run boolean) returns setof api.client_league
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation := private.lock_open_participation(participation_id);
    o mpp.organisation;
    e mpp.edition;
    carried text := '';
    item record;
    called text;
    unit_name text;
    unit integer;
    league uuid;
    fresh boolean;
    added integer := 0;
    units integer := 0;
    outcome api.client_league[];
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    select * into e from mpp.edition x where x.id = p.edition_id;
    if e.audience <> 'public' then
        perform private.refuse('MP028', e.code);
    end if;
    if jsonb_typeof(leagues) is distinct from 'array' or jsonb_array_length(leagues) not between 1 and 500 then
        perform private.refuse('MP010', 'leagues', 'it is not a list of 1 to 500', 'Send [{"name": "…", "unit": "…"}, …].');
    end if;
    -- One at a time for one client, so that a list sent twice makes each league once.
    perform private.lock_client(p);
    perform private.end_overdue_access(p.organisation_id);
    if (select count(*) from mpp.league l where l.participation_id = p.id) + jsonb_array_length(leagues) > 2000 then
        perform private.refuse('MP039', '2000');
    end if;
    if p.carries_name then
        carried := o.name || ' · ';
    end if;
    perform private.refuse_import((
        select jsonb_agg(jsonb_build_object('row', g.place, 'fault', f.fault -> 0, 'arguments', f.fault - 0) order by g.place, f.turn)
        from jsonb_array_elements(leagues) with ordinality g (league, place)
        cross join lateral private.faults_of_client_league(p, carried, g.league) with ordinality f (fault, turn)
    ));

    begin
        for item in
            select private.trimmed(carried || private.trimmed(x.value ->> 'name')) as name, private.trimmed(x.value ->> 'unit') as unit, x.place
            from jsonb_array_elements(leagues) with ordinality x (value, place)
            order by x.place
        loop
            called := item.name;
            unit := null;
            unit_name := item.unit;
            if unit_name is not null then
                insert into mpp.unit (organisation_id, name) values (o.id, unit_name) on conflict do nothing;
                if found then
                    units := units + 1;
                    if (select count(*) from mpp.unit u where u.organisation_id = o.id) > 500 then
                        perform private.refuse('MP010', format('unit of league %s', item.place), 'with it there would be more than 500 units',
                            'Use one of the units there are.');
                    end if;
                end if;
                select u.id, u.name into unit, unit_name
                from mpp.unit u where u.organisation_id = o.id and lower(u.name) = lower(unit_name);
            end if;
            select l.id into league from mpp.league l where l.participation_id = p.id and lower(l.name) = lower(called);
            fresh := not found;
            if fresh then
                added := added + 1;
                begin
                    insert into mpp.league (edition_id, name, category, participation_id, unit_id)
                    values (e.id, called, case o.kind when 'university' then 'students' when 'association' then 'association'
                        else 'colleagues' end::api.league_category, p.id, unit)
                    returning id into league;
                exception when unique_violation then
                    perform private.refuse('MP038', called);
                end;
                insert into mpp.team (league_id, edition_id, name)
                select league, e.id, format(case o.language when 'fr' then 'Équipe %s' else 'Team %s' end, n)
                from generate_series(1, e.teams_per_league) n;
                insert into mpp.join_code (league_id, code) values (league, private.new_join_code());
            elsif unit is not null then
                update mpp.league l set unit_id = unit where l.id = league and l.unit_id is distinct from unit;
            end if;
            outcome := outcome || (league, called, unit_name, (select c.code from mpp.join_code c where c.league_id = league), fresh)::api.client_league;
        end loop;
        if added + units > 0 then
            perform private.record_act('client.create_leagues', o.code,
                jsonb_build_object('participation', p.id, 'added', added, 'units', units));
        end if;
        if dry_run then
            raise exception using errcode = 'MPDRY', message = 'dry run';
        end if;
    exception when sqlstate 'MPDRY' then
        null;
    end;
    -- A league that was not made has no id and no code.
    return query
    select case when l.league_id is not null then l.league_id end, u.name, u.unit, case when l.league_id is not null then u.join_code end, u.is_new
    from unnest(outcome) with ordinality u (league_id, name, unit, join_code, is_new, place)
    left join lateral (select x.id from mpp.league x where x.id = u.league_id) l (league_id) on true
    order by u.place;
end
$$;
grant execute on function private.create_client_leagues to authenticated, service_role;

create function api.create_client_leagues(participation_id integer, leagues jsonb, dry_run boolean default false) returns setof api.client_league
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.create_client_leagues(participation_id, leagues, dry_run); end;
comment on function api.create_client_leagues is 'Makes leagues of a client, all or none: [{"name", "unit"}]. Those that it has already stay, with their unit corrected. Whoever joins a league first runs it. Returns their codes. With dry_run nothing is made. The faults of all elements come in one answer (MP070). Managers and owners of the client, and staff. Errors: MP001, MP002, MP010–MP012, MP013, MP021, MP023, MP024, MP028, MP038, MP039, MP047, MP070, MP091–MP093.';
grant execute on function api.create_client_leagues to authenticated, service_role;

create function private.client_join_codes() returns table (participation_id integer, league_id uuid, name text, unit text, listed boolean, join_code text)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    -- In a private edition it would tell that somebody came: only such a person can have opted out.
    select p.id, l.id, l.name::text, u.name::text, case when e.organisation_id is null then l.listed end, c.code
    from mpp.participation p
    join mpp.edition e on e.id = p.edition_id
    join mpp.league l on l.participation_id = p.id
    left join mpp.unit u on u.id = l.unit_id
    left join mpp.join_code c on c.league_id = l.id
    where p.organisation_id in (select x.id from private.my_client_ids('manager') x (id));
end
$$;
grant execute on function private.client_join_codes to authenticated, service_role;

create view api.client_join_codes with (security_invoker = true) as
select * from private.client_join_codes();
comment on view api.client_join_codes is 'Every league of the caller''s organisations with its join code, for managers. Sort by name, league_id.';
comment on column api.client_join_codes.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_join_codes.league_id is 'The league.';
comment on column api.client_join_codes.name is 'Its name.';
comment on column api.client_join_codes.unit is 'Name of its unit; null when it has none.';
comment on column api.client_join_codes.listed is 'Whether it is in the rankings; null in a private edition.';
comment on column api.client_join_codes.join_code is 'The code that opens it; null when it has none.';
grant select on api.client_join_codes to authenticated, service_role;

-- How many invitations a client wrote to each mailbox within a day: its account must not become a way to fill
-- somebody's. Those of other clients are none of its business; mail_obstacle counts them when a mail is to leave.
create function private.invitations_today(organisation integer) returns table (mailbox text, written bigint)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select private.mailbox_of(m.address), count(*)
    from mpp.outbox m
    where m.template in ('staff_invitation', 'player_invitation')
        and m.queued_at > private.clock() - interval '24 hours'
        and m.organisation_id = organisation
    group by private.mailbox_of(m.address);
end
$$;
