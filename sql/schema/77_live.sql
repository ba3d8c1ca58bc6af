-- Live: what tells an open page that something has changed, through private broadcast of Supabase Realtime. Topics are
-- league:<id>, for the pages of leagues and classes, and client:<participation id>. Schema realtime belongs to Realtime: here
-- are a policy on its messages and calls of realtime.send, nothing else.

-- The league that a topic names, in one spelling only; null for any other topic.
create function private.topic_league(topic text) returns uuid
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case when topic ~ '^league:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then substr(topic, 8)::uuid end
$$;

-- The part of a client in an edition that a topic names; null for any other topic.
create function private.topic_participation(topic text) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
    select case when topic ~ '^client:[1-9][0-9]{0,8}$' then substr(topic, 8)::integer end
$$;

-- Whether the caller reads the page that a topic is about, at this moment.
create function private.may_listen(topic text) returns boolean
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    league uuid := private.topic_league(topic);
    participation integer := private.topic_participation(topic);
begin
    return case
        when league is not null then
            exists (select from private.my_league_ids() m (id) where m.id = league)
            or (private.is_ops() and exists (select from mpp.league l where l.id = league))
        when participation is not null then exists (
            select
            from mpp.participation p
            where p.id = participation and p.organisation_id in (select private.my_client_ids())
        )
        else false
    end;
end
$$;
grant execute on function private.may_listen to authenticated;

-- Realtime asks this when somebody joins a channel, and each time that their token is renewed. No policy lets anybody
-- insert: clients send nothing to each other, and nobody sees who else is there.
create policy live_select_authenticated on realtime.messages
    for select to authenticated
    using (
        extension = 'broadcast'
        and topic = (select realtime.topic())
        and (select private.may_listen(realtime.topic()))
    );

create table mpp.client_tick (
    participation_id integer primary key references mpp.participation (id) on delete cascade,
    ticked_at timestamptz not null
);
comment on table mpp.client_tick is 'When the page of a client was last told that its figures have changed.';

alter table mpp.client_tick enable row level security;

-- Tells the page of a client that its figures have changed, once in five seconds at most. What changes in between is told
-- by that message too, which says when to read again. Nobody waits for the row: whoever holds it is telling.
create function private.tick_client(participation integer, at timestamptz) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    last timestamptz;
begin
    select t.ticked_at into last from mpp.client_tick t where t.participation_id = participation;
    if last > at - interval '5 seconds' and last <= at then
        return;
    end if;
    -- Of a few people, the moment of a tick would tell what one of them does.
    if not private.has_enough_people(participation) then
        return;
    end if;
    if last is null then
        insert into mpp.client_tick (participation_id, ticked_at) values (participation, at) on conflict do nothing;
    else
        update mpp.client_tick t
        set ticked_at = at
        from (select x.participation_id from mpp.client_tick x where x.participation_id = participation for update skip locked) free
        where t.participation_id = free.participation_id and t.ticked_at = last;
    end if;
    if found then
        perform realtime.send('{"again_in": 6}', 'figures', 'client:' || participation, true);
    end if;
end
$$;

-- Tells the page of a league, and that of its client.
create function private.tell_league(league uuid, event text, payload jsonb, at timestamptz) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    participation integer;
begin
    perform realtime.send(payload, event, 'league:' || league, true);
    select l.participation_id into participation from mpp.league l where l.id = league;
    if participation is not null then
        perform private.tick_client(participation, at);
    end if;
end
$$;

-- Tells several leagues what a statement did to them. A statement that reaches more than twenty is a load by the
-- association, and pages see it when they read next. Columns of equal length.
create function private.tell_leagues(leagues uuid[], event text, payloads jsonb[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz;
begin
    if cardinality(leagues) between 1 and 20 then
        at := private.clock();
        perform private.tell_league(l.id, event, l.payload, at) from unnest(leagues, payloads) l (id, payload);
    end if;
end
$$;

-- What everybody who reads the league reads of a validation anyhow: numbers, no name, and no challenge, which may be hidden.
create function private.live_validation(validation_id uuid, player uuid, team uuid, points integer, state api.validation_state) returns jsonb
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return jsonb_build_object('count', 1, 'validation_id', validation_id, 'player_id', player, 'team_id', team, 'points', points, 'state', state);
end
$$;

create function private.validations_told() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[];
    payloads jsonb[];
begin
    with told as (
        select n.league_id, case when count(*) = 1
            then private.live_validation(min(n.id::text)::uuid, min(n.player_id::text)::uuid, min(n.team_id::text)::uuid, min(n.points), min(n.state))
            else jsonb_build_object('count', count(*)) end as payload
        from new_rows n
        group by n.league_id
        limit 21
    )
    select array_agg(t.league_id), array_agg(t.payload) into leagues, payloads from told t;
    perform private.tell_leagues(leagues, 'validations', payloads);
    return null;
end
$$;

-- The way of one validation tells by itself (private.record_validation).
create trigger validation_told
    after insert on mpp.validation
    referencing new table as new_rows
    for each statement
    when (current_setting('game.recording', true) is distinct from 'on')
    execute function private.validations_told();

create function private.validation_changes_told() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[];
    payloads jsonb[];
begin
    with told as (
        select n.league_id, case when count(*) = 1
            then private.live_validation(min(n.id::text)::uuid, min(n.player_id::text)::uuid, min(n.team_id::text)::uuid, min(n.points), min(n.state))
            else jsonb_build_object('count', count(*)) end as payload
        from new_rows n
        join old_rows o on o.id = n.id and o.state <> n.state
        group by n.league_id
        limit 21
    )
    select array_agg(t.league_id), array_agg(t.payload) into leagues, payloads from told t;
    perform private.tell_leagues(leagues, 'validations', payloads);
    return null;
end
$$;

create trigger validation_change_told
    after update on mpp.validation
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.validation_changes_told();

-- Members: how many joined, left or look different. Who it is, the page of the league says to whoever may read it.
create function private.players_told() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[];
    payloads jsonb[];
begin
    with told as (
        select n.league_id, jsonb_build_object('joined', count(*), 'left', 0, 'changed', 0) as payload
        from new_rows n
        where n.league_id is not null
        group by n.league_id
        limit 21
    )
    select array_agg(t.league_id), array_agg(t.payload) into leagues, payloads from told t;
    perform private.tell_leagues(leagues, 'members', payloads);
    return null;
end
$$;

create trigger player_told
    after insert on mpp.player
    referencing new table as new_rows
    for each statement execute function private.players_told();

create function private.player_changes_told() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[];
    payloads jsonb[];
begin
    with told as (
        select m.league_id, jsonb_build_object('joined', sum(m.joined), 'left', sum(m.has_left), 'changed', sum(m.changed)) as payload
        from old_rows o
        join new_rows n on n.id = o.id
        cross join lateral (
            select o.league_id, 0 as joined, 1 as has_left, 0 as changed
            where o.league_id is distinct from n.league_id
            union all
            select n.league_id, 1, 0, 0
            where o.league_id is distinct from n.league_id
            union all
            select n.league_id, 0, 0, 1
            where o.league_id = n.league_id
                and (o.team_id, o.alias, o.first_name, o.initial, o.picture_path)
                    is distinct from (n.team_id, n.alias, n.first_name, n.initial, n.picture_path)
        ) m
        where m.league_id is not null
        group by m.league_id
        limit 21
    )
    select array_agg(t.league_id), array_agg(t.payload) into leagues, payloads from told t;
    perform private.tell_leagues(leagues, 'members', payloads);
    return null;
end
$$;

create trigger player_change_told
    after update on mpp.player
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.player_changes_told();

-- What else a league's page shows, where nothing is said but that it is to be read again. The argument is the event.
create function private.league_rows_told() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[] := array(select distinct n.league_id from changed_rows n limit 21);
begin
    perform private.tell_leagues(leagues, tg_argv[0], array_fill('{}'::jsonb, array[cardinality(leagues)]));
    return null;
end
$$;

create trigger ambassador_told
    after insert on mpp.ambassador
    referencing new table as changed_rows
    for each statement execute function private.league_rows_told('ambassadors');
create trigger ambassador_change_told
    after update on mpp.ambassador
    referencing new table as changed_rows
    for each statement execute function private.league_rows_told('ambassadors');
create trigger ambassador_removal_told
    after delete on mpp.ambassador
    referencing old table as changed_rows
    for each statement execute function private.league_rows_told('ambassadors');

create trigger team_told
    after insert on mpp.team
    referencing new table as changed_rows
    for each statement execute function private.league_rows_told('teams');
create trigger team_change_told
    after update on mpp.team
    referencing new table as changed_rows
    for each statement execute function private.league_rows_told('teams');

create trigger class_challenge_told
    after insert on mpp.class_challenge
    referencing new table as changed_rows
    for each statement execute function private.league_rows_told('challenges');
create trigger class_challenge_removal_told
    after delete on mpp.class_challenge
    referencing old table as changed_rows
    for each statement execute function private.league_rows_told('challenges');

create function private.leagues_told() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[] := array(
        (select n.id from new_rows n join old_rows o on o.id = n.id and o is distinct from n limit 21)
    );
begin
    perform private.tell_leagues(leagues, 'league', array_fill('{}'::jsonb, array[cardinality(leagues)]));
    return null;
end
$$;

create trigger league_told
    after update on mpp.league
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.leagues_told();
