-- Scores and ranks, kept in the transaction that earns the points. Nothing here is private: a subject, what it is called
-- in public, points, and whether it is listed. Public rankings read these tables and nothing else.
--
-- A rank is 1 + how many listed subjects stand higher. score_count holds how many stand at each value, 64 values in a row,
-- so a rank costs a few hundred rows at most, whatever the number of players. Counting in place would make those rows the hottest of the
-- database at the opening, when everybody stands near zero: writers append to score_delta instead, and one writer in
-- fifty folds what has gathered. Readers add both, in one snapshot.

-- A domain and not a check of the table, which would be looked at again whenever a score moves.
create domain mpp.score_scope as text
    constraint score_scope_known check (value in ('player', 'team', 'league'));
comment on domain mpp.score_scope is 'What has a score.';

create table mpp.score (
    subject_id uuid primary key,
    edition_id integer not null references mpp.edition (id),
    scope mpp.score_scope not null,
    label text not null,
    league_label text,
    points integer not null default 0,
    players integer not null default 1,
    at_least_players smallint not null default 1,
    by_average boolean not null default false,
    -- Not generated, nor held by a check: Postgres would prepare the expression anew for every validation, which costs as much
    -- as the update. Whoever writes points or players writes it too, by private.value_of; verify_scores compares.
    value integer not null default 0,
    tie_order bigint not null default 0,
    listed boolean not null,
    is_public boolean not null,
    school_id uuid,
    level mpp.school_level
) with (fillfactor = 80);
comment on table mpp.score is 'Points of a player, a team or a league in an edition: the sum of its credited validations.';
comment on column mpp.score.value is 'What the ranking compares: points, or hundredths of a point per player.';
comment on column mpp.score.tie_order is 'Order among equals, the smaller first: the largest credit_number of its credited validations, 0 without any.';
comment on column mpp.score.listed is 'In the ranking; false for those who opted out.';
comment on column mpp.score.school_id is 'School of a class; rankings of schools are sums of their classes.';
comment on column mpp.score.is_public is 'Listed, and in an edition that is not private to one client.';
create index score_ranking on mpp.score (edition_id, scope, value desc, tie_order, subject_id) where listed;

-- Who is not listed is found by the edition too, and a validation of whoever is listed writes nothing here.
create index score_not_listed on mpp.score (edition_id) where not listed;

-- A class also stands among those of its level.
create index score_level_ranking on mpp.score (edition_id, level, value desc, tie_order, subject_id) where listed and level is not null;
create index score_school on mpp.score (edition_id, school_id) where listed and school_id is not null;

-- A small league counts as if it had the least size of the edition, or a league of one would lead every ranking by average.
create function private.value_of(points integer, players integer, at_least_players integer, by_average boolean) returns integer
    language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case when by_average then round(points * 100.0 / greatest(players, at_least_players, 1))::integer else points end;
end
$$;

create table mpp.school_standing (
    edition_id integer not null references mpp.edition (id),
    level mpp.school_level,
    rank bigint not null,
    school_id uuid not null references mpp.school (id),
    classes bigint not null,
    points bigint not null,
    players bigint not null,
    value bigint not null,
    tie_order bigint not null,
    constraint school_standing_once unique nulls not distinct (edition_id, level, school_id)
);
comment on table mpp.school_standing is 'Schools as they stood at the freeze: a class that opts out later takes its name away, not its points from the others.';
create index school_standing_school on mpp.school_standing (school_id);

create trigger school_standing_keep
    before update or delete or truncate on mpp.school_standing
    for each statement execute function private.refuse_change();

-- How many listed subjects stand at each value, in buckets of 64 values: points of players are small, but averages in
-- hundredths visit thousands of values, and a rank must not read a row for each.
create table mpp.score_count (
    edition_id integer not null references mpp.edition (id),
    scope api.ranking_scope not null,
    bucket integer not null,
    subjects integer not null,
    counts integer[] not null constraint score_count_is_whole check (cardinality(counts) = 64),
    primary key (edition_id, scope, bucket)
) with (fillfactor = 50);
comment on table mpp.score_count is 'How many listed subjects stand at each value; not complete without score_delta.';
comment on column mpp.score_count.bucket is 'Values from 64 × bucket on.';
comment on column mpp.score_count.subjects is 'Sum of counts.';
comment on column mpp.score_count.counts is 'Subjects at each of the 64 values, the lowest first.';

create table mpp.score_delta (
    edition_id integer not null,
    subjects integer not null default 1,
    level text,
    player_from integer,
    player_to integer,
    team_from integer,
    team_to integer,
    league_from integer,
    league_to integer
);
comment on table mpp.score_delta is 'Moves not yet folded into score_count: so many subjects leave a value for another, null where there is none. All that one validation moves is one row.';
comment on column mpp.score_delta.level is 'Level of the class that moves; its moves count there too.';
create index score_delta_edition on mpp.score_delta (edition_id);

-- What a move changes: so many subjects more, or fewer, at a value of a scope.
create view mpp.score_change with (security_invoker = true) as
select d.edition_id, j.scope, j.value, j.change
from mpp.score_delta d
cross join lateral (values
    ('player', d.player_from, -d.subjects), ('player', d.player_to, d.subjects),
    ('team', d.team_from, -d.subjects), ('team', d.team_to, d.subjects),
    ('league', d.league_from, -d.subjects), ('league', d.league_to, d.subjects),
    (d.level, d.league_from, -d.subjects), (d.level, d.league_to, d.subjects)
) j (scope, value, change)
where j.value is not null and j.scope is not null;
comment on view mpp.score_change is 'Each move not yet folded, as changes of counts.';
grant select on mpp.score_change to anon, authenticated, service_role;

create function private.add_counts(counts integer[], places integer[], changes integer[]) returns integer[]
    language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    for n in 1 .. cardinality(places) loop
        counts[places[n]] := counts[places[n]] + changes[n];
    end loop;
    return counts;
end
$$;

-- Adds the moves that have gathered to the counts; skipped when somebody else is at it. Exact at any moment, because
-- both tables change in one transaction.
create function private.fold_scores(edition integer, wait boolean default false) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    folded integer;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        return 0;
    end if;
    if wait then
        perform pg_advisory_xact_lock(hashtext('mpp.fold'), edition);
    elsif not pg_try_advisory_xact_lock(hashtext('mpp.fold'), edition) then
        return 0;
    end if;
    with gathered as (
        delete from mpp.score_delta d where d.edition_id = edition returning d.*
    ), changed as (
        -- As in mpp.score_change; what is deleted can be read here only.
        select m.scope, m.value >> 6 as bucket, 1 + (m.value & 63) as place, sum(m.change)::integer as change
        from gathered d
        cross join lateral (values
            ('player', d.player_from, -d.subjects), ('player', d.player_to, d.subjects),
            ('team', d.team_from, -d.subjects), ('team', d.team_to, d.subjects),
            ('league', d.league_from, -d.subjects), ('league', d.league_to, d.subjects),
            (d.level, d.league_from, -d.subjects), (d.level, d.league_to, d.subjects)
        ) m (scope, value, change)
        where m.value is not null and m.scope is not null
        group by m.scope, m.value
        having sum(m.change) <> 0
    ), bucket as (
        select c.scope, c.bucket, sum(c.change)::integer as subjects, array_agg(c.place) as places, array_agg(c.change) as changes
        from changed c
        group by c.scope, c.bucket
    ), counted as (
        update mpp.score_count c
        set subjects = c.subjects + b.subjects, counts = private.add_counts(c.counts, b.places, b.changes)
        from bucket b
        where c.edition_id = edition and c.scope = b.scope and c.bucket = b.bucket
        returning c.scope, c.bucket
    ), begun as (
        insert into mpp.score_count (edition_id, scope, bucket, subjects, counts)
        select edition, b.scope, b.bucket, b.subjects, private.add_counts(array_fill(0, array[64]), b.places, b.changes)
        from bucket b
        where not exists (select from counted c where c.scope = b.scope and c.bucket = b.bucket)
    )
    select count(*) into folded from gathered g;
    return folded;
end
$$;
comment on function private.fold_scores is 'Folds score_delta into score_count for one edition; returns the number of moves.';

-- Whatever changes a score, the counts follow: one trigger on the table, statement by statement.
create function private.score_inserted() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.score_delta (edition_id, subjects, level, player_to, team_to, league_to)
    select n.edition_id, count(*), n.level,
        case when n.scope = 'player' then n.value end,
        case when n.scope = 'team' then n.value end,
        case when n.scope = 'league' then n.value end
    from new_rows n
    where n.listed
    group by n.edition_id, n.scope, n.level, n.value;
    return null;
end
$$;

create function private.score_updated() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    moves integer;
    frozen integer[];
begin
    -- A frozen ranking only ever loses a name: points, order and counts stay as they were. One statement may touch others
    -- too, when a person is forgotten in all their editions.
    select coalesce(array_agg(distinct e.id), '{}') into frozen
    from old_rows o
    join mpp.edition e on e.id = o.edition_id
    where e.frozen_at is not null;
    if cardinality(frozen) > 0 then
        if exists (
            select n.subject_id, n.edition_id, n.scope, n.points, n.players, n.value, n.tie_order, n.at_least_players, n.by_average, n.school_id, n.level
            from new_rows n
            where n.subject_id in (select o.subject_id from old_rows o where o.edition_id = any (frozen))
            except
            select o.subject_id, o.edition_id, o.scope, o.points, o.players, o.value, o.tie_order, o.at_least_players, o.by_average, o.school_id, o.level
            from old_rows o
        ) or exists (
            select n.subject_id
            from new_rows n
            where n.listed and n.subject_id in (select o.subject_id from old_rows o where o.edition_id = any (frozen))
            except
            select o.subject_id from old_rows o where o.listed
        ) then
            perform private.refuse('MP024', (select min(e.code) from mpp.edition e where e.id = any (frozen)));
        end if;
    end if;
    insert into mpp.score_delta (edition_id, subjects, level, player_to, team_to, league_to)
    select m.edition_id, sum(m.change), m.level,
        case when m.scope = 'player' then m.value end,
        case when m.scope = 'team' then m.value end,
        case when m.scope = 'league' then m.value end
    from (
        select o.edition_id, o.scope, o.level, o.value, -1 as change from old_rows o where o.listed
        union all
        select n.edition_id, n.scope, n.level, n.value, 1 from new_rows n where n.listed
    ) m
    where not m.edition_id = any (frozen)
    group by m.edition_id, m.scope, m.level, m.value
    having sum(m.change) <> 0;
    get diagnostics moves = row_count;
    if moves > 100 or random() < 0.02 then
        perform private.fold_scores(n.edition_id) from (select distinct x.edition_id from new_rows x) n;
    end if;
    return null;
end
$$;

create trigger score_inserted
    after insert on mpp.score
    referencing new table as new_rows
    for each statement execute function private.score_inserted();

create trigger score_updated
    after update on mpp.score
    referencing old table as old_rows new table as new_rows
    for each statement
    -- private.record_validation counts what it moves by itself.
    when (current_setting('game.recording', true) is distinct from 'on')
    execute function private.score_updated();

-- A score is the history of an edition: rows are never taken away.
create trigger score_keep
    before delete or truncate on mpp.score
    for each statement execute function private.refuse_change();

-- How many a team or league counts: who is in it now, and who left after having played there.
create function private.count_players(leagues uuid[]) returns void
    language sql set search_path = pg_catalog, pg_temp
as $$
    with member as (
        select p.league_id, p.team_id, p.id as player_id from mpp.player p where p.league_id = any (leagues)
        union
        select v.league_id, v.team_id, v.player_id from mpp.validation v where v.league_id = any (leagues)
    ), counted as (
        select m.team_id as subject_id, count(*) as players from member m group by m.team_id
        union all
        select m.league_id, count(distinct m.player_id) from member m group by m.league_id
    ), subject as (
        select t.id as subject_id from mpp.team t where t.league_id = any (leagues)
        union all
        select l.id from mpp.league l where l.id = any (leagues)
    )
    update mpp.score s
    set players = coalesce(c.players, 0),
        value = private.value_of(s.points, coalesce(c.players, 0)::integer, s.at_least_players, s.by_average)
    from subject j
    left join counted c on c.subject_id = j.subject_id
    where s.subject_id = j.subject_id and s.players <> coalesce(c.players, 0)
$$;

-- What a score is called and whether it is listed follow from the player, the team and the league.
create function private.label_players(chosen uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    -- In one order, as in move_points: a former member may be credited meanwhile.
    perform from mpp.score s where s.subject_id = any (chosen) order by s.subject_id for no key update;
    update mpp.score s
    set label = coalesce(p.alias, '—'),
        league_label = n.league_label,
        listed = p.listed and (s.listed or e.frozen_at is null),
        is_public = p.listed and (s.listed or e.frozen_at is null) and e.organisation_id is null
    from mpp.player p
    join mpp.edition e on e.id = p.edition_id
    left join mpp.league l on l.id = p.league_id
    -- An erased player stands nowhere but in the ranking: a league would lead back to the person.
    cross join lateral (select case when l.listed and p.account_id is not null then l.name::text end as league_label) n
    where p.id = any (chosen)
        and s.subject_id = p.id
        -- In a frozen edition a name is only ever taken away.
        and (e.frozen_at is null or p.account_id is null or not p.listed or not l.listed)
        and (s.label, s.league_label, s.listed) is distinct from (coalesce(p.alias, '—')::text, n.league_label, p.listed);
end
$$;

create function private.label_leagues(chosen uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.score s
    set label = l.name, listed = l.listed, is_public = l.listed and e.organisation_id is null, level = l.level
    from mpp.league l
    join mpp.edition e on e.id = l.edition_id
    where l.id = any (chosen)
        and s.subject_id = l.id
        and (e.frozen_at is null or not l.listed)
        and (s.label, s.listed, s.level) is distinct from (l.name::text, l.listed, l.level);
    update mpp.score s
    set label = t.name,
        league_label = case when l.listed then l.name end,
        listed = l.listed and l.school_id is null,
        is_public = l.listed and l.school_id is null and e.organisation_id is null
    from mpp.team t
    join mpp.league l on l.id = t.league_id
    join mpp.edition e on e.id = l.edition_id
    where t.league_id = any (chosen)
        and s.subject_id = t.id
        and (e.frozen_at is null or not l.listed)
        and (s.label, s.league_label, s.listed)
            is distinct from (t.name::text, case when l.listed then l.name::text end, l.listed and l.school_id is null);
    perform private.label_players(array(select p.id from mpp.player p where p.league_id = any (chosen)));
end
$$;

-- Every league, team and player has a score from the moment it exists.
create function private.league_score() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        insert into mpp.score (subject_id, edition_id, scope, label, players, at_least_players, by_average, listed, is_public, school_id, level)
        select l.id, l.edition_id, 'league', l.name, 0, e.league_min_players, e.ranking_basis = 'average', l.listed,
            l.listed and e.organisation_id is null, l.school_id, l.level
        from new_rows l
        join mpp.edition e on e.id = l.edition_id;
    else
        perform private.label_leagues(array(select l.id from new_rows l));
    end if;
    return null;
end
$$;

create trigger league_score_inserted
    after insert on mpp.league
    referencing new table as new_rows
    for each statement execute function private.league_score();

create trigger league_score_updated
    after update on mpp.league
    referencing new table as new_rows
    for each statement execute function private.league_score();

create function private.team_score() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        insert into mpp.score (subject_id, edition_id, scope, label, league_label, players, at_least_players, by_average, listed, is_public)
        select t.id, t.edition_id, 'team', t.name, case when l.listed then l.name end, 0,
            ceil(e.league_min_players::numeric / e.teams_per_league), e.ranking_basis = 'average',
            -- Teams of a class are its own business: pupils name them.
            l.listed and l.school_id is null, l.listed and l.school_id is null and e.organisation_id is null
        from new_rows t
        join mpp.league l on l.id = t.league_id
        join mpp.edition e on e.id = t.edition_id;
    else
        perform private.label_leagues(array(select distinct t.league_id from new_rows t));
    end if;
    return null;
end
$$;

create trigger team_score_inserted
    after insert on mpp.team
    referencing new table as new_rows
    for each statement execute function private.team_score();

create trigger team_score_updated
    after update on mpp.team
    referencing new table as new_rows
    for each statement execute function private.team_score();

create function private.player_joined() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    insert into mpp.score (subject_id, edition_id, scope, label, league_label, listed, is_public)
    select p.id, p.edition_id, 'player', coalesce(p.alias, '—'), case when l.listed then l.name end, p.listed,
        p.listed and e.organisation_id is null
    from new_rows p
    join mpp.edition e on e.id = p.edition_id
    left join mpp.league l on l.id = p.league_id;
    perform private.count_players(array(select distinct p.league_id from new_rows p where p.league_id is not null));
    return null;
end
$$;

create function private.player_moved() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.label_players(array(select p.id from new_rows p));
    perform private.count_players(array(
        select m.league_id
        from (
            (select o.id, o.league_id, o.team_id from old_rows o except select n.id, n.league_id, n.team_id from new_rows n)
            union all
            (select n.id, n.league_id, n.team_id from new_rows n except select o.id, o.league_id, o.team_id from old_rows o)
        ) m
        where m.league_id is not null
        group by m.league_id
    ));
    return null;
end
$$;

create trigger player_joined
    after insert on mpp.player
    referencing new table as new_rows
    for each statement execute function private.player_joined();

create trigger player_moved
    after update on mpp.player
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.player_moved();

-- Settings of the edition that scores carry may change until the edition starts; all points are still zero then.
create function private.edition_update_scores() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.score s
    set by_average = n.by_average, at_least_players = n.at_least_players,
        value = private.value_of(s.points, s.players, n.at_least_players, n.by_average)
    from (values
        ('league', new.ranking_basis = 'average', new.league_min_players::integer),
        ('team', new.ranking_basis = 'average', ceil(new.league_min_players::numeric / new.teams_per_league)::integer)
    ) n (scope, by_average, at_least_players)
    where s.edition_id = new.id and s.scope = n.scope;
    update mpp.score s
    set is_public = s.listed and new.organisation_id is null
    where s.edition_id = new.id and s.is_public <> (s.listed and new.organisation_id is null);
    return null;
end
$$;

create trigger edition_update_scores
    after update on mpp.edition
    for each row
    when ((old.ranking_basis, old.league_min_players, old.teams_per_league, old.organisation_id)
        is distinct from (new.ranking_basis, new.league_min_players, new.teams_per_league, new.organisation_id))
    execute function private.edition_update_scores();

-- The ledger moves the points: credited rows in, what was credited out. Who is first among equals is whose present points
-- were all credited first: what was taken back counts as if it had never been, and costs no place.
create type private.point_move as (subject_id uuid, points integer, credited bigint, lost bigint);
comment on type private.point_move is 'Points to add to a score, and the largest credit_number of what began (credited) and of what ceased (lost) to count.';

-- The largest credit_number of what still counts for a subject.
create function private.last_credit(subject mpp.score) returns bigint
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(case subject.scope
        when 'player' then (
            select max(v.credit_number) from mpp.validation v
            where v.player_id = subject.subject_id and v.state = 'credited')
        when 'team' then (
            select max(v.credit_number) from mpp.team t join mpp.validation v on v.league_id = t.league_id and v.team_id = t.id
            where t.id = subject.subject_id and v.state = 'credited')
        else (
            select max(v.credit_number) from mpp.validation v
            where v.league_id = subject.subject_id and v.state = 'credited')
    end, 0);
end
$$;

create function private.move_points(leagues uuid[], editions integer[], moves private.point_move[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    frozen text;
    losers uuid[];
begin
    -- Callers that go through the commands hold these locks already; a load that writes the ledger directly gets them here.
    perform private.lock_edition(e) from (select distinct u.e from unnest(editions) u (e) order by u.e) locked;
    perform private.lock_leagues(leagues);
    select min(e.code) into frozen from mpp.edition e where e.id = any (editions) and e.frozen_at is not null;
    if frozen is not null then
        perform private.refuse('MP024', frozen);
    end if;
    -- In one order: a player who left counts in the league of before, and two leagues may have former members in common.
    perform from mpp.score s where s.subject_id in (select m.subject_id from unnest(moves) m) order by s.subject_id for no key update;
    update mpp.score s
    set points = s.points + m.points, tie_order = greatest(s.tie_order, m.credited),
        value = private.value_of(s.points + m.points, s.players, s.at_least_players, s.by_average)
    from unnest(moves) m
    where s.subject_id = m.subject_id;
    losers := array(select m.subject_id from unnest(moves) m where m.lost is not null);
    if cardinality(losers) > 0 then
        -- In a statement of its own: a player who changed leagues may have been credited in another one while this waited
        -- for the score, which is locked now, and only a new snapshot shows it.
        update mpp.score s
        set tie_order = private.last_credit(s)
        from unnest(moves) m
        where s.subject_id = m.subject_id and m.lost >= s.tie_order and s.subject_id = any (losers);
    end if;
end
$$;

create function private.validation_credit() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (
        select
        from new_rows n
        left join mpp.player p on p.id = n.player_id and p.edition_id = n.edition_id
        left join mpp.team t on t.id = n.team_id and t.league_id = n.league_id and t.edition_id = n.edition_id
        left join mpp.edition_challenge c on c.id = n.challenge_id and c.edition_id = n.edition_id
        where p.id is null or t.id is null or c.id is null
    ) then
        perform private.refuse('MP060', 'its player, team or challenge is not of its edition');
    end if;
    perform private.move_points(
        array(select distinct n.league_id from new_rows n),
        array(select distinct n.edition_id from new_rows n),
        array(
            select (j.subject_id, sum(n.points), max(n.credit_number), null)::private.point_move
            from new_rows n
            cross join lateral (values (n.league_id), (n.team_id), (n.player_id)) j (subject_id)
            where n.state = 'credited'
            group by j.subject_id
        )
    );
    return null;
end
$$;

create function private.validation_recredit() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    -- Whoever did it is forgotten in a frozen edition too.
    if not exists (select from new_rows n join old_rows o on o.id = n.id where n.state <> o.state) then
        return null;
    end if;
    perform private.move_points(
        array(select distinct n.league_id from new_rows n),
        array(select distinct n.edition_id from new_rows n),
        array(
            select (j.subject_id, sum(m.points), max(m.credited), max(m.lost))::private.point_move
            from (
                select n.league_id, n.team_id, n.player_id, n.points, n.credit_number as credited, null::bigint as lost
                from new_rows n
                join old_rows o on o.id = n.id
                where n.state = 'credited' and o.state <> 'credited'
                union all
                select n.league_id, n.team_id, n.player_id, -n.points, null, n.credit_number
                from new_rows n
                join old_rows o on o.id = n.id
                where o.state = 'credited' and n.state <> 'credited'
            ) m
            cross join lateral (values (m.league_id), (m.team_id), (m.player_id)) j (subject_id)
            group by j.subject_id
        )
    );
    return null;
end
$$;

create trigger validation_credit
    after insert on mpp.validation
    referencing new table as new_rows
    for each statement
    when (current_setting('game.recording', true) is distinct from 'on')
    execute function private.validation_credit();

create trigger validation_recredit
    after update on mpp.validation
    referencing old table as old_rows new table as new_rows
    for each statement execute function private.validation_recredit();

alter table mpp.score enable row level security;
alter table mpp.school_standing enable row level security;
alter table mpp.score_count enable row level security;
alter table mpp.score_delta enable row level security;

create policy score_select_anon on mpp.score
    for select to anon
    using (is_public);

create policy score_select_authenticated on mpp.score
    for select to authenticated
    using (is_public or (listed and edition_id in (select private.my_private_edition_ids())) or (select private.is_ops()));

-- Counts tell as much as the ranking they belong to, and are readable where it is: not by the staff of a client, who see the
-- private edition and nobody in it.
create policy score_count_select_anon on mpp.score_count
    for select to anon
    using (edition_id in (select e.id from mpp.edition e where e.organisation_id is null));

create policy score_count_select_authenticated on mpp.score_count
    for select to authenticated
    using (
        edition_id in (select e.id from mpp.edition e where e.organisation_id is null)
        or edition_id in (select private.my_private_edition_ids())
        or (select private.is_ops())
    );

create policy score_delta_select_anon on mpp.score_delta
    for select to anon
    using (edition_id in (select e.id from mpp.edition e where e.organisation_id is null));

create policy score_delta_select_authenticated on mpp.score_delta
    for select to authenticated
    using (
        edition_id in (select e.id from mpp.edition e where e.organisation_id is null)
        or edition_id in (select private.my_private_edition_ids())
        or (select private.is_ops())
    );

create policy school_standing_select_everyone on mpp.school_standing
    for select to anon, authenticated
    using (edition_id in (select e.id from mpp.edition e));

grant select on mpp.score, mpp.school_standing, mpp.score_count, mpp.score_delta to anon, authenticated, service_role;
