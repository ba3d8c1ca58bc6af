-- Clients set up their part in an edition: leagues under their units, people invited by mail, and their own staff.

create table mpp.participant (
    participation_id integer not null references mpp.participation (id),
    email text not null check (private.is_mail_address(email) and email = lower(email)),
    league_id uuid not null references mpp.league (id),
    invited_at timestamptz not null default private.clock(),
    primary key (participation_id, email)
);
comment on table mpp.participant is 'Addresses that a client invited to one of its leagues. Whether they came is not told to the client.';
create index participant_league on mpp.participant (league_id);

alter table mpp.participant enable row level security;

create policy participant_select_authenticated on mpp.participant
    for select to authenticated
    using (participation_id in (select p.id from mpp.participation p where p.organisation_id in (select private.my_client_ids('manager'))));

grant select on mpp.participant to authenticated, service_role;

-- The participation of a client's command, its edition locked and still open to new leagues.
create function private.begin_client_leagues(participation integer, at_least api.staff_role default 'manager') returns mpp.participation
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation;
begin
    if not private.is_ops() then
        perform private.begin_write(registered => false);
    end if;
    -- Of another client: the same as none.
    select * into p
    from mpp.participation x
    where x.id = participation and x.organisation_id in (select m.id from private.my_organisation_ids() m (id));
    if not found then
        perform private.refuse('MP093');
    end if;
    perform private.begin_client(p.organisation_id, at_least);
    perform private.begin_join(p.edition_id);
    return p;
end
$$;

-- The leagues and guests of a client, for one change at a time. The client may have been withdrawn while this waited, or
-- whoever asks been removed: their access ends under the same lock, and its codes are renewed.
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
    perform private.begin_client(p.organisation_id, at_least);
end
$$;

create type api.client_league as (league_id uuid, name text, unit text, join_code text, is_new boolean);
comment on type api.client_league is 'A league of a client with the code that opens it.';

create function private.create_client_leagues(participation_id integer, leagues jsonb) returns setof api.client_league
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation := private.begin_client_leagues(participation_id);
    o mpp.organisation;
    e mpp.edition;
    item record;
    called text;
    unit_name text;
    unit integer;
    league uuid;
    fresh boolean;
    added integer := 0;
    units integer := 0;
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
    for item in select x.value as given, x.place from jsonb_array_elements(leagues) with ordinality x (value, place) order by x.place loop
        if jsonb_typeof(item.given) <> 'object' then
            perform private.refuse('MP010', format('leagues[%s]', item.place), 'it is not an object', 'Send {"name": "…", "unit": "…"}.');
        end if;
        -- A list or an object would be read as a name in brackets.
        if jsonb_typeof(item.given -> 'name') is distinct from 'string' then
            perform private.refuse('MP010', format('name of league %s', item.place), 'it is not a text', 'Send {"name": "…", "unit": "…"}.');
        end if;
        if jsonb_typeof(item.given -> 'unit') not in ('string', 'null') then
            perform private.refuse('MP010', format('unit of league %s', item.place), 'it is not a text', 'Send {"name": "…", "unit": "…"}.');
        end if;
        called := private.clean_name(format('name of league %s', item.place), item.given ->> 'name', 60, o.id, true);
        if p.carries_name then
            called := private.clean_line(format('name of league %s', item.place), o.name || ' · ' || called, 60);
        end if;
        unit := null;
        unit_name := null;
        if item.given ->> 'unit' is not null then
            unit_name := private.clean_name(format('unit of league %s', item.place), item.given ->> 'unit', 60, o.id, true);
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
        return next (league, called, unit_name, (select c.code from mpp.join_code c where c.league_id = league), fresh)::api.client_league;
    end loop;
    if added + units > 0 then
        perform private.record_act('client.create_leagues', o.code,
            jsonb_build_object('participation', p.id, 'added', added, 'units', units));
    end if;
end
$$;
grant execute on function private.create_client_leagues to authenticated, service_role;

create function api.create_client_leagues(participation_id integer, leagues jsonb) returns setof api.client_league
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.create_client_leagues(participation_id, leagues); end;
comment on function api.create_client_leagues is 'Makes leagues of a client, all or none: [{"name", "unit"}]; those it has already stay, with their unit corrected. Whoever joins one first runs it. Returns their codes. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010–MP012, MP021, MP023, MP024, MP028, MP038, MP039, MP047, MP091–MP093.';
grant execute on function api.create_client_leagues to authenticated, service_role;

create type api.client_join_code as (participation_id integer, league_id uuid, name text, unit text, listed boolean, join_code text);
comment on type api.client_join_code is 'A league of a client with the code that opens it, for those who hand the codes out.';

create function private.client_join_codes() returns setof api.client_join_code
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    -- In a private edition it would tell that somebody came, who alone can have opted out.
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
comment on view api.client_join_codes is 'Every league of the caller''s organisations with its join code, for managers; sort by name, league_id.';
grant select on api.client_join_codes to authenticated, service_role;

-- Staff read no league (40_league); what theirs are called comes from there.
create view api.client_participants with (security_invoker = true) as
select p.participation_id, p.email, l.name as league, p.league_id, p.invited_at
from mpp.participant p
join private.client_join_codes() l on l.league_id = p.league_id;
comment on view api.client_participants is 'Who was invited to which league, for the managers of the client; whether they came is not told.';
grant select on api.client_participants to authenticated, service_role;

-- The key of the first, second or third mail that invites an address; of a removed guest what has left stays in the outbox.
create function private.invitation_key(participation integer, email text, number bigint) returns text
    language sql immutable set search_path = pg_catalog, pg_temp
as $$
    select format('invitation:%s:%s', participation, encode(sha256(convert_to(email, 'UTF8')), 'hex'))
        || case when number > 1 then ':' || number else '' end
$$;

-- How many mails invited each address, in one go: for 2,000 guests a function asked for each costs seconds.
create function private.invitations_sent(participation mpp.participation) returns table (email text, sent bigint)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select m.address, count(*)
    from mpp.outbox m
    where m.organisation_id = participation.organisation_id and m.template = 'player_invitation'
        and starts_with(m.key, format('invitation:%s:', participation.id))
    group by m.address;
end
$$;

-- Invitations of a client that were written to a mailbox within a day: its account must not become a way to fill somebody's.
-- Those of other clients are none of its business, and are counted when the mail is to leave (mail_obstacle).
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

-- What the leagues of a client may be called in a list of its guests, in lower case: their name, and without the client's before it.
create function private.league_names(participation integer) returns table (called text, league_id uuid, is_whole boolean)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select lower(l.name), l.id, true
    from mpp.league l
    where l.participation_id = participation
    union all
    select substr(lower(l.name), char_length(b.before) + 1), l.id, false
    from mpp.participation p
    join mpp.organisation o on o.id = p.organisation_id
    cross join lateral (select lower(o.name || ' · ') as before) b
    join mpp.league l on l.participation_id = p.id and starts_with(lower(l.name), b.before)
    where p.id = participation;
end
$$;

-- Guests without a league, each to the one that fewest were invited to, as if one after the other: leagues are filled up to a
-- level like vessels, and the guests take the places below it, the lowest first.
create function private.spread_participants(participation integer, emails text[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.participant (participation_id, email, league_id)
    with filled as (
        select l.id, l.created_at, count(x.email) as guests
        from mpp.league l
        left join mpp.participant x on x.league_id = l.id
        where l.participation_id = participation
        group by l.id, l.created_at
    ), level as (
        select ceil(min((f.below + cardinality(emails)) / f.leagues))::bigint as guests
        from (
            select sum(v.guests) over lowest as below, row_number() over lowest as leagues
            from filled v
            window lowest as (order by v.guests, v.id)
        ) f
    ), place as (
        select f.id as league_id, row_number() over (order by n.guests, f.created_at, f.id) as turn
        from filled f
        cross join level v
        cross join lateral generate_series(f.guests, v.guests) n (guests)
    )
    select participation, g.email, q.league_id
    from unnest(emails) with ordinality g (email, turn)
    join place q on q.turn = g.turn;
end
$$;

create function private.invite_participants(participation_id integer, participants jsonb, dry_run boolean) returns api.import_outcome
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation := private.begin_client_leagues(participation_id);
    o mpp.organisation;
    e mpp.edition;
    wrong integer;
    first_wrong text;
    most integer;
    by_ops boolean := private.is_ops();
    emails text[];
    called text[];
    added text[];
    outcome api.import_outcome := (0, 0, 0);
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    select * into e from mpp.edition x where x.id = p.edition_id;
    if jsonb_typeof(participants) is distinct from 'array' or jsonb_array_length(participants) not between 1 and 2000 then
        perform private.refuse('MP010', 'participants', 'it is not a list of 1 to 2,000', 'Send [{"email": "…", "league": "…"}, …].');
    end if;
    perform private.lock_client(p);
    perform private.end_overdue_access(p.organisation_id);
    if not exists (select from mpp.league l where l.participation_id = p.id) then
        perform private.refuse('MP010', 'participants', 'there is no league to invite them to', 'Make the leagues first.');
    end if;
    -- What was typed is read once.
    select array_agg(private.typed_address(g.given ->> 'email') order by g.place),
        array_agg(lower(private.trimmed(left(g.given ->> 'league', 300))) order by g.place)
    into emails, called
    from jsonb_array_elements(participants) with ordinality g (given, place);
    select count(*), (array_agg(format('row %s: %s', f.place, f.fault) order by f.place))[1] into wrong, first_wrong
    from (
        select g.place,
            case
                when jsonb_typeof(g.given) <> 'object' then 'it is not an object'
                when jsonb_typeof(g.given -> 'email') not in ('string', 'null') then 'its address is not a text'
                when jsonb_typeof(g.given -> 'league') not in ('string', 'null') then 'its league is not a text'
                when not private.is_mail_address(g.email) then 'its address is not one'
                when count(*) over (partition by g.email) > 1 then 'its address comes twice'
                when g.given ->> 'league' is not null and not g.has_league then 'its league is none of the client''s'
                -- Taken off the list and put back on: a new code comes by mail, and nobody is written to for ever.
                when not g.known and g.sent >= 3
                    then 'three invitations were sent there already, hand out the code yourself'
                -- The association answers for what it imports.
                when not by_ops and not g.known
                    and count(*) filter (where not g.known) over (partition by g.mailbox order by g.place)
                        + coalesce(d.written, 0) > 5
                    then 'you have sent its mailbox five invitations in a day'
            end as fault
        from (
            select x.given, x.place, t.email, k.email is not null as known, coalesce(w.sent, 0) as sent, private.mailbox_of(t.email) as mailbox,
                t.called in (select n.called from private.league_names(p.id) n) as has_league
            from jsonb_array_elements(participants) with ordinality x (given, place)
            join unnest(emails, called) with ordinality t (email, called, place) on t.place = x.place
            left join mpp.participant k on k.participation_id = p.id and k.email = t.email
            left join private.invitations_sent(p) w on w.email = t.email
        ) g
        left join private.invitations_today(o.id) d on d.mailbox = g.mailbox
    ) f
    where f.fault is not null;
    if wrong > 0 then
        perform private.refuse('MP070', wrong::text, first_wrong);
    end if;
    -- A client's account must not become a way to write to the world: who was taken off the list again counts, if written to.
    most := 2 * greatest(coalesce(p.expected_players, 0), 200);
    if (
        select count(*)
        from (
            select x.email::text from mpp.participant x where x.participation_id = p.id
            union
            select w.email from private.invitations_sent(p) w
            union
            select g.email from unnest(emails) g (email)
        ) everybody
    ) > most then
        perform private.refuse('MP010', 'participants', format('with those invited before they are more than %s', most),
            'Ask Ma Petite Planète to raise the number of expected players.');
    end if;
    select count(*) filter (where k.email is null), count(k.email) into outcome.added, outcome.unchanged
    from unnest(emails) g (email)
    left join mpp.participant k on k.participation_id = p.id and k.email = g.email;
    if outcome.added = 0 or coalesce(dry_run, false) then
        return outcome;
    end if;
    added := array(
        select g.email
        from unnest(emails) with ordinality g (email, place)
        where not exists (select from mpp.participant k where k.participation_id = p.id and k.email = g.email)
        order by g.place
    );
    insert into mpp.participant (participation_id, email, league_id)
    select distinct on (g.place) p.id, g.email, n.league_id
    from unnest(emails, called) with ordinality g (email, called, place)
    join private.league_names(p.id) n on n.called = g.called
    where g.email = any (added)
    -- A league of exactly that name before one that has it after the client's.
    order by g.place, n.is_whole desc, n.league_id;
    perform private.spread_participants(p.id, array(
        select a.email
        from unnest(added) with ordinality a (email, place)
        where not exists (select from mpp.participant x where x.participation_id = p.id and x.email = a.email)
        order by a.place
    ));
    -- As queue_mail does it, all at once.
    insert into mpp.outbox (key, message_part, template, data, purpose, address, language, organisation_id, useful_until)
    select k.key, private.message_part(k.key), 'player_invitation',
        jsonb_build_object('league', l.name, 'join_code', c.code, 'edition', e.title ->> o.language, 'starts_at', e.starts_at,
            'ends_at', e.ends_at, 'time_zone', e.time_zone, 'organisation', o.name),
        'invitation', a.email, o.language, o.id, e.registration_closes_at
    from unnest(added) with ordinality a (email, place)
    left join private.invitations_sent(p) w on w.email = a.email
    cross join lateral (select private.invitation_key(p.id, a.email, 1 + coalesce(w.sent, 0)) as key) k
    join mpp.participant x on x.participation_id = p.id and x.email = a.email
    join mpp.league l on l.id = x.league_id
    join mpp.join_code c on c.league_id = l.id
    -- Mails leave in the order of the list.
    order by a.place
    on conflict on constraint outbox_key_key do nothing;
    perform private.record_act('client.invite_participants', o.code, jsonb_build_object('participation', p.id, 'added', outcome.added));
    return outcome;
end
$$;
grant execute on function private.invite_participants to authenticated, service_role;

create function api.invite_participants(participation_id integer, participants jsonb, dry_run boolean default false)
    returns api.import_outcome
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.invite_participants(participation_id, participants, dry_run); end;
comment on function api.invite_participants is 'Invites people by mail to the client''s leagues, all or none: [{"email", "league"}]; without a league they are spread. Whoever was invited before gets no second mail. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010–MP012, MP021, MP023, MP024, MP047, MP070, MP091–MP093.';
grant execute on function api.invite_participants to authenticated, service_role;

-- Guests are taken off the list, with the mail that has not left. What was sent keeps its trace; the league stays open to
-- whoever has its code.
create function private.remove_participants(participation_id integer, emails text[]) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation := private.begin_participation(participation_id);
    o mpp.organisation;
    asked text[];
    removed integer;
begin
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    if emails is null or cardinality(emails) not between 1 and 2000 then
        perform private.refuse('MP010', 'emails', 'it is not a list of 1 to 2,000', 'Send the addresses to remove.');
    end if;
    asked := array(select private.typed_address(x.email) from unnest(emails) x (email));
    perform private.lock_client(p);
    delete from mpp.participant x where x.participation_id = p.id and x.email = any (asked);
    get diagnostics removed = row_count;
    delete from mpp.outbox m
    where m.state = 'queued'
        and m.key = any (array(
            select private.invitation_key(p.id, x.email, n) from unnest(asked) x (email) cross join generate_series(1, 3) n
        ));
    if removed > 0 then
        perform private.record_act('client.remove_participants', o.code, jsonb_build_object('participation', p.id, 'removed', removed));
    end if;
    return removed;
end
$$;
grant execute on function private.remove_participants to authenticated, service_role;

create function api.remove_participants(participation_id integer, emails text[]) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_participants(participation_id, emails); end;
comment on function api.remove_participants is 'Takes people off a client''s list of those invited, and drops their invitation where it has not left yet; addresses that are not on it are passed over. Returns how many there were. Managers and owners of the client, and staff. Errors: MP001, MP002, MP010–MP012, MP047, MP091–MP093.';
grant execute on function api.remove_participants to authenticated, service_role;

-- The opposite of set_participation, as long as nobody has joined. Scores are never taken away, so its leagues stay as
-- empty shells: without a code, a client, a place in the rankings or the name, which is free again.
create function private.withdraw_participation(participation_id integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    p mpp.participation;
    o mpp.organisation;
    e mpp.edition;
    league uuid;
    played bigint;
    closed integer := 0;
begin
    perform private.require_ops();
    -- First, as whoever plans it or takes guests off its list does.
    select * into p from mpp.participation x where x.id = withdraw_participation.participation_id for no key update;
    if not found then
        perform private.refuse('MP093');
    end if;
    select * into o from mpp.organisation x where x.id = p.organisation_id;
    perform private.lock_edition(p.edition_id);
    select * into e from mpp.edition x where x.id = p.edition_id;
    if e.frozen_at is not null then
        perform private.refuse('MP024', e.code);
    end if;
    perform private.lock_client(p);
    -- Whoever joins one waits for its lock, and then finds no code.
    for league in select l.id from mpp.league l where l.participation_id = p.id order by l.id loop
        perform private.lock_league(league);
    end loop;
    select count(*) into played
    from mpp.league l
    where l.participation_id = p.id
        and (
            exists (select from mpp.player q where q.league_id = l.id)
            or exists (select from mpp.validation v where v.league_id = l.id)
            or exists (select from mpp.conduct_report r where r.league_id = l.id)
        );
    if played > 0 then
        perform private.refuse('MP099', e.code, played::text);
    end if;
    delete from mpp.outbox m
    where m.state = 'queued' and m.purpose = 'invitation' and m.key like format('invitation:%s:%%', p.id);
    delete from mpp.participant x where x.participation_id = p.id;
    delete from mpp.task t where t.participation_id = p.id;
    delete from mpp.join_code c using mpp.league l where c.league_id = l.id and l.participation_id = p.id;
    update mpp.league l
    set listed = false, held_back = true, participation_id = null, unit_id = null, name = format('— %s', l.id)
    where l.participation_id = p.id;
    get diagnostics closed = row_count;
    delete from mpp.unit u
    where u.organisation_id = p.organisation_id and not exists (select from mpp.league l where l.unit_id = u.id);
    delete from mpp.participation x where x.id = p.id;
    perform private.record_act('participation.withdraw', o.code, jsonb_build_object('edition', e.code, 'participation', p.id, 'leagues', closed));
    return closed;
end
$$;
grant execute on function private.withdraw_participation to authenticated, service_role;

create function api.withdraw_participation(participation_id integer) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.withdraw_participation(participation_id); end;
comment on function api.withdraw_participation is 'Takes a client out of an edition as long as nobody has joined one of its leagues: its guests, their mails, its plan and its units without leagues go, its empty leagues are closed. Returns how many leagues were closed. Staff of the association. Errors: MP006, MP024, MP093, MP099.';
grant execute on function api.withdraw_participation to authenticated, service_role;

-- Staff of a client. Their dates: an end that is after the beginning and has not passed.
create function private.check_access(opens timestamptz, closes timestamptz) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if closes is null or not isfinite(closes) then
        perform private.refuse('MP010', 'access_until', coalesce(closes::text, 'it is empty'), 'Give the end of the access.');
    end if;
    if not isfinite(opens) then
        perform private.refuse('MP010', 'access_from', opens::text, 'Give the beginning of the access, or nothing for now.');
    end if;
    if closes <= opens then
        perform private.refuse('MP010', 'access_until', format('%s is not after the beginning, %s', private.spoken_last(closes),
            private.spoken_first(opens)), 'Give an end after the beginning; remove_staff takes an access away.');
    end if;
    if closes <= private.clock() then
        perform private.refuse('MP010', 'access_until', format('%s has passed', private.spoken_last(closes)),
            'Give an end that is still to come; remove_staff takes an access away.');
    end if;
end
$$;

-- Staff of a client.

-- The mails of an invitation that is no more, as far as they have not left.
create function private.drop_invitation_mails(invitation integer) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.outbox m
    set state = 'dropped', reply = 'withdrawn', data = '{}'
    where m.state = 'queued' and m.template = 'staff_invitation' and starts_with(m.key, format('staff:%s:', invitation));
end
$$;

-- The leagues of clients that may still be joined: managers read their codes.
create function private.open_leagues_of(clients integer[]) returns uuid[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select l.id
        from mpp.participation p
        join mpp.edition e on e.id = p.edition_id and e.registration_closes_at > private.clock()
        join mpp.league l on l.participation_id = p.id
        where p.organisation_id = any (clients)
    );
end
$$;

-- What a client's staff knew ends: the codes that managers read, and the invitations that they sent. Under the lock of whatever
-- staff do for the client: a call under way ends first and its codes are renewed, and one that waits asks again.
create function private.end_staff_access(organisation integer, account uuid, read_codes boolean) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    invitation integer;
begin
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation);
    for invitation in
        update mpp.staff_invitation i
        set expires_at = private.clock()
        where i.organisation_id = organisation and i.invited_by = account and i.accepted_at is null and i.expires_at > private.clock()
        returning i.id
    loop
        perform private.drop_invitation_mails(invitation);
    end loop;
    if read_codes then
        perform private.renew_codes(private.open_leagues_of(array[organisation]));
    end if;
end
$$;

-- Dates run out without a call, so what staff knew whose dates have passed ends with the next one: of the client (leagues,
-- guests) or of the day (purge_expired). Not at the moment when an end is set: until then they read on. Returns how many there were.
create function private.end_overdue_access(organisation integer default null) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    client integer;
    s mpp.staff;
    ended integer := 0;
begin
    for client in
        select distinct x.organisation_id
        from mpp.staff x
        where (end_overdue_access.organisation is null or x.organisation_id = end_overdue_access.organisation)
            and x.access_until <= private.clock() and (x.ended_at is null or x.ended_at < x.access_until)
        order by x.organisation_id
    loop
        perform pg_advisory_xact_lock(hashtext('mpp.client'), client);
        for s in
            update mpp.staff x
            set ended_at = private.clock()
            where x.organisation_id = client and x.access_until <= private.clock()
                and (x.ended_at is null or x.ended_at < x.access_until)
            returning x.*
        loop
            perform private.end_staff_access(s.organisation_id, s.account_id, s.role >= 'manager');
            ended := ended + 1;
        end loop;
    end loop;
    return ended;
end
$$;

-- Whatever changes somebody's access ends the invitation that waits for them: an older one must not bring back a role or
-- dates that were taken away.
create function private.staff_changed() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    s mpp.staff := coalesce(new, old);
    invitation integer;
begin
    update mpp.staff_invitation i
    set expires_at = private.clock()
    from auth.users u
    where u.id = s.account_id and i.email = lower(u.email) and i.organisation_id = s.organisation_id and i.accepted_at is null
        and i.expires_at > private.clock()
    returning i.id into invitation;
    if found then
        perform private.drop_invitation_mails(invitation);
    end if;
    if tg_op = 'DELETE' or (tg_op = 'UPDATE' and new.role < old.role) then
        perform private.end_staff_access(s.organisation_id, s.account_id,
            old.role >= 'manager' and (tg_op = 'DELETE' or new.role < 'manager'));
    end if;
    return null;
end
$$;

create trigger staff_changed
    after insert or delete or update of role, access_from, access_until on mpp.staff
    for each row execute function private.staff_changed();

create function private.invite_staff(
    organisation_id integer, email text, role api.staff_role, access_from timestamptz, access_until timestamptz
) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.begin_client(organisation_id, 'owner');
    o mpp.organisation;
    me mpp.staff;
    address text := private.typed_address(email);
    code text := private.new_join_code();
    opens timestamptz := coalesce(access_from, private.clock());
    closes timestamptz := access_until;
    invitation integer;
begin
    if not by_ops then
        perform private.hold_account(account);
    end if;
    -- Also between two of its owners at once, of whom one may remove the other.
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform private.begin_client(organisation_id, 'owner');
    select * into o from mpp.organisation x where x.id = invite_staff.organisation_id;
    if not private.is_mail_address(address) then
        perform private.refuse('MP010', 'email', left(coalesce(email, 'it is empty'), 100), 'Give an address such as ada@example.org.');
    end if;
    if role is null then
        perform private.refuse('MP010', 'role', 'it is empty', 'Use viewer, manager or owner.');
    end if;
    if not by_ops then
        -- An owner gives away what they have, and no more of it: neither longer, nor to make another owner.
        select * into me from mpp.staff s where s.account_id = account and s.organisation_id = o.id;
        if role = 'owner' then
            perform private.refuse('MP010', 'role', 'owner', 'Only Ma Petite Planète makes owners.');
        end if;
        closes := coalesce(closes, me.access_until);
        if opens < me.access_from or closes > me.access_until then
            perform private.refuse('MP010', 'access_until', 'it goes beyond your own access', format('Your own goes from %s to %s.',
                private.spoken_first(me.access_from), private.spoken_last(me.access_until)));
        end if;
        if exists (
            select
            from mpp.staff s
            join auth.users u on u.id = s.account_id
            where s.organisation_id = o.id and s.role = 'owner' and lower(u.email) = address
        ) then
            perform private.refuse('MP010', 'email', left(address, 100), 'This is an owner already, whom only Ma Petite Planète changes.');
        end if;
        if exists (
            select
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email = address and i.role = 'owner' and i.accepted_at is null
                and i.expires_at > private.clock()
        ) then
            perform private.refuse('MP010', 'email', left(address, 100), 'Ma Petite Planète has invited it as an owner, which only it changes.');
        end if;
        -- An invitation is a mail: an owner's account must not become a way to write to somebody again and again. What was
        -- withdrawn or has expired was a mail, too.
        if exists (
            select
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email = address and i.invited_at > private.clock() - interval '1 hour'
        ) then
            perform private.refuse('MP010', 'email', 'it was invited less than an hour ago', 'Wait before you invite it again.');
        end if;
        if (
            select count(*)
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email <> address and i.accepted_at is null and i.expires_at > private.clock()
        ) >= 50 then
            perform private.refuse('MP010', 'email', 'fifty invitations are waiting already', 'Withdraw some, or wait until they are taken.');
        end if;
        if (
            select count(*)
            from mpp.staff_invitation i
            where i.organisation_id = o.id and i.email <> address and i.invited_at > private.clock() - interval '24 hours'
        ) >= 50 then
            perform private.refuse('MP010', 'email', 'fifty addresses were invited within a day', 'Invite it tomorrow.');
        end if;
        if coalesce((select d.written from private.invitations_today(o.id) d where d.mailbox = private.mailbox_of(address)), 0) >= 5 then
            perform private.refuse('MP010', 'email', 'you have sent its mailbox five invitations in a day', 'Invite it tomorrow.');
        end if;
    end if;
    perform private.check_access(opens, closes);
    insert into mpp.staff_invitation as i (organisation_id, email, role, access_from, access_until, code_digest, expires_at, invited_by)
    values (o.id, address, invite_staff.role, opens, closes, sha256(convert_to(code, 'UTF8')),
        least(private.clock() + interval '720 hours', closes), case when not by_ops then account end)
    on conflict on constraint staff_invitation_once do update
    set role = excluded.role, access_from = excluded.access_from, access_until = excluded.access_until,
        code_digest = excluded.code_digest, expires_at = excluded.expires_at, invited_at = private.clock(), accepted_at = null,
        invited_by = excluded.invited_by
    returning i.id into invitation;
    perform private.drop_invitation_mails(invitation);
    perform private.queue_mail(
        format('staff:%s:%s', invitation, encode(substring(sha256(convert_to(code, 'UTF8')) for 8), 'hex')),
        'staff_invitation',
        jsonb_build_object('organisation', o.name, 'role', invite_staff.role, 'code', code, 'access_from', opens, 'access_until', closes,
            'expires_at', (select i.expires_at from mpp.staff_invitation i where i.id = invitation)),
        -- What the association sends belongs to a contract; what a client's owner sends can be refused for good.
        purpose => case when by_ops then 'service' else 'invitation' end::api.mail_purpose, address => address, language => o.language,
        organisation_id => o.id,
        useful_until => (select i.expires_at from mpp.staff_invitation i where i.id = invitation));
    perform private.record_act('client.invite_staff', o.code, jsonb_build_object('invitation', invitation, 'role', invite_staff.role));
    return invitation;
end
$$;
grant execute on function private.invite_staff to authenticated, service_role;

create function api.invite_staff(
    organisation_id integer, email text, role api.staff_role default 'viewer', access_from timestamptz default null,
    access_until timestamptz default null
) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.invite_staff(organisation_id, email, role, access_from, access_until); end;
comment on function api.invite_staff is 'Invites somebody by mail to work in a client''s space, from and until; a second invitation of an address replaces the first. Staff of the association; owners invite managers and viewers inside their own dates, fifty addresses a day, and a mailbox five times. Returns the invitation id. Errors: MP001, MP002, MP010–MP012, MP047, MP090–MP092.';
grant execute on function api.invite_staff to authenticated, service_role;

create function private.accept_staff_invitation(code text) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.begin_write(registered => false);
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    i mpp.staff_invitation;
    inviter mpp.staff;
begin
    perform private.hold_account(account);
    -- What they have already is locked first, as by those who change it and so end the invitation. The client comes before: a
    -- lower role ends what the former one read.
    perform pg_advisory_xact_lock(hashtext('mpp.client'), x.organisation_id)
    from mpp.staff_invitation x
    where x.code_digest = sha256(convert_to(typed, 'UTF8'));
    perform private.require_still_live();
    perform
    from mpp.staff s
    where s.account_id = account
        and s.organisation_id = (select x.organisation_id from mpp.staff_invitation x where x.code_digest = sha256(convert_to(typed, 'UTF8')))
    for update;
    -- Of twenty at once one has it. It opens to the address it was sent to, and to nobody who got hold of the code.
    select * into i
    from mpp.staff_invitation x
    where x.code_digest = sha256(convert_to(typed, 'UTF8'))
        and x.accepted_at is null
        and x.expires_at > private.clock()
        and exists (
            select from auth.users u
            where u.id = account and lower(u.email) = x.email and u.email_confirmed_at is not null
        )
    for update;
    if not found then
        perform private.refuse('MP082');
    end if;
    if private.my_proven_account() is distinct from account then
        perform private.refuse('MP012');
    end if;
    if i.invited_by is not null then
        -- An owner's invitation is worth what its owner is worth now, and changes no owner.
        select * into inviter
        from mpp.staff s
        where s.account_id = i.invited_by and s.organisation_id = i.organisation_id and s.role = 'owner'
            and s.access_from <= private.clock() and s.access_until > private.clock() and private.is_live(s.account_id);
        if not found or inviter.access_until <= i.access_from or exists (
            select from mpp.staff s where s.account_id = account and s.organisation_id = i.organisation_id and s.role = 'owner'
        ) then
            perform private.refuse('MP082');
        end if;
        i.access_from := greatest(i.access_from, inviter.access_from);
        i.access_until := least(i.access_until, inviter.access_until);
        if i.access_until <= i.access_from then
            perform private.refuse('MP082');
        end if;
    end if;
    update mpp.staff_invitation x set accepted_at = private.clock() where x.id = i.id;
    insert into mpp.staff (organisation_id, account_id, role, access_from, access_until)
    values (i.organisation_id, account, i.role, i.access_from, i.access_until)
    on conflict on constraint staff_pkey do update
    set role = excluded.role, access_from = excluded.access_from, access_until = excluded.access_until;
    perform private.record_act('client.accept_invitation', i.organisation_id::text, jsonb_build_object('invitation', i.id, 'role', i.role));
    return i.organisation_id;
end
$$;
grant execute on function private.accept_staff_invitation to authenticated;

create function api.accept_staff_invitation(code text) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.accept_staff_invitation(code); end;
comment on function api.accept_staff_invitation is 'Takes an invitation to a client''s space with the code from the mail; the account''s confirmed address must be the one invited, and its session opened by a mail to it or by a password that its owner has set since. Returns the organisation id. Errors: MP001, MP002, MP011, MP012, MP047, MP082.';
grant execute on function api.accept_staff_invitation to authenticated;

create function private.set_staff(
    organisation_id integer, account_id uuid, role api.staff_role, access_from timestamptz, access_until timestamptz
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.begin_client(organisation_id, 'owner');
    me mpp.staff;
    them mpp.staff;
begin
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform private.begin_client(organisation_id, 'owner');
    select * into them from mpp.staff s
    where s.organisation_id = set_staff.organisation_id and s.account_id = set_staff.account_id for update;
    if not found then
        perform private.refuse('MP005');
    end if;
    them.role := coalesce(role, them.role);
    them.access_from := coalesce(access_from, them.access_from);
    them.access_until := coalesce(access_until, them.access_until);
    if not by_ops then
        select * into me from mpp.staff s where s.organisation_id = set_staff.organisation_id and s.account_id = account;
        if them.account_id = account or them.role = 'owner' or exists (
            select from mpp.staff s
            where s.organisation_id = them.organisation_id and s.account_id = them.account_id and s.role = 'owner'
        ) then
            perform private.refuse('MP005');
        end if;
        if set_staff.access_until > me.access_until or set_staff.access_from < me.access_from then
            perform private.refuse('MP010', 'access_until', 'it goes beyond your own access', format('Your own goes from %s to %s.',
                private.spoken_first(me.access_from), private.spoken_last(me.access_until)));
        end if;
    end if;
    -- A new role alone is none of the dates' business, also when they have passed.
    if num_nonnulls(set_staff.access_from, set_staff.access_until) > 0 then
        perform private.check_access(them.access_from, them.access_until);
    end if;
    update mpp.staff s
    set role = them.role, access_from = them.access_from, access_until = them.access_until
    where s.organisation_id = them.organisation_id and s.account_id = them.account_id;
    perform private.record_act('client.set_staff', set_staff.organisation_id::text,
        jsonb_build_object('account_id', them.account_id, 'role', them.role, 'until', them.access_until));
end
$$;
grant execute on function private.set_staff to authenticated, service_role;

create function api.set_staff(
    organisation_id integer, account_id uuid, role api.staff_role default null, access_from timestamptz default null,
    access_until timestamptz default null
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_staff(organisation_id, account_id, role, access_from, access_until); end;
comment on function api.set_staff is 'Changes the role or the dates of somebody who works for a client; what is left out stays. An end that has passed, or is not after the beginning, is refused: remove_staff takes the access away. Staff of the association; owners for managers and viewers. Errors: MP001, MP002, MP005, MP010–MP012, MP047, MP090–MP092.';
grant execute on function api.set_staff to authenticated, service_role;

-- Somebody is taken out of a client's space, with whatever would let them in again; or an invitation that waits is taken
-- back. The mail that has not left goes with it.
create function private.remove_staff(organisation_id integer, account_id uuid, invitation_id integer) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid := private.begin_client(organisation_id, 'owner');
    taken_back integer;
begin
    if num_nonnulls(account_id, invitation_id) <> 1 then
        perform private.refuse('MP010', 'account_id', 'give either an account or an invitation', 'Send one of the two.');
    end if;
    perform pg_advisory_xact_lock(hashtext('mpp.client'), organisation_id);
    perform private.begin_client(organisation_id, 'owner');
    if remove_staff.account_id is null then
        -- It stays as one that has expired, so that the day's count of mails stays what it is.
        update mpp.staff_invitation i
        set expires_at = private.clock()
        where i.id = remove_staff.invitation_id and i.organisation_id = remove_staff.organisation_id and i.accepted_at is null
            and i.expires_at > private.clock() and (by_ops or i.role <> 'owner')
        returning i.id into taken_back;
        if not found then
            perform private.refuse('MP005');
        end if;
        perform private.drop_invitation_mails(taken_back);
    else
        -- An invitation that waits for them ends with it: see staff_changed.
        delete from mpp.staff s
        where s.organisation_id = remove_staff.organisation_id and s.account_id = remove_staff.account_id
            and (by_ops or (s.role <> 'owner' and s.account_id <> account));
        if not found then
            perform private.refuse('MP005');
        end if;
    end if;
    perform private.record_act(
        case when remove_staff.account_id is null then 'client.cancel_invitation' else 'client.remove_staff' end,
        remove_staff.organisation_id::text,
        jsonb_strip_nulls(jsonb_build_object('account_id', remove_staff.account_id, 'invitation', remove_staff.invitation_id)));
end
$$;
grant execute on function private.remove_staff to authenticated, service_role;

create function api.remove_staff(organisation_id integer, account_id uuid default null, invitation_id integer default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_staff(organisation_id, account_id, invitation_id); end;
comment on function api.remove_staff is 'Takes the access of somebody who works for a client away, at once, or takes back an invitation that waits. Staff of the association; owners for managers and viewers. Errors: MP001, MP002, MP005, MP010–MP012, MP047, MP090–MP092.';
grant execute on function api.remove_staff to authenticated, service_role;

create type api.client_staff_member as (
    account_id uuid, email text, role api.staff_role, access_from timestamptz, access_until timestamptz, is_me boolean
);
comment on type api.client_staff_member is 'Somebody who works for a client, as its owners see them.';

create function private.client_staff(organisation_id integer) returns setof api.client_staff_member
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := (select private.my_account());
begin
    if not private.is_ops() then
        perform private.require_client(organisation_id, private.signed_in(), 'owner');
    elsif not exists (select from mpp.organisation o where o.id = client_staff.organisation_id) then
        perform private.refuse('MP090');
    end if;
    return query
    select s.account_id, u.email::text, s.role, s.access_from, s.access_until, coalesce(s.account_id = account, false)
    from mpp.staff s
    join auth.users u on u.id = s.account_id
    where s.organisation_id = client_staff.organisation_id
    order by s.role desc, u.email;
end
$$;
grant execute on function private.client_staff to authenticated, service_role;

create function api.client_staff(organisation_id integer) returns setof api.client_staff_member
    language sql stable rows 10 set search_path = pg_catalog, pg_temp
begin atomic select * from private.client_staff(organisation_id); end;
comment on function api.client_staff is 'Who works for a client, with roles and dates. Its owners, and staff of the association. Errors: MP001, MP002, MP012, MP090–MP092.';
grant execute on function api.client_staff to authenticated, service_role;
