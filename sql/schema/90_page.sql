-- What screens show: a player's own editions, the league page, the class page, and the staff's lists. Public rankings
-- are in 78_ranking.

create view api.my_players with (security_invoker = true) as
select
    p.id as player_id,
    p.edition_id,
    p.league_id,
    p.team_id,
    p.alias,
    p.listed,
    p.joined_at
from mpp.player p cross join (select) read_only
where p.id in (select private.my_player_ids());
comment on view api.my_players is 'The caller in each edition that they play; league and team are null once they left.';
grant select on api.my_players to authenticated;

create view api.my_leagues with (security_invoker = true) as
select
    l.id as league_id,
    l.edition_id,
    l.name,
    l.category,
    l.is_open,
    l.listed,
    coalesce(a.is_principal, false) as is_ambassador,
    a.league_id is not null and not a.is_principal as is_co_ambassador,
    c.code as join_code,
    (select count(*) from mpp.player p where p.league_id = l.id) as players,
    e.league_min_players,
    e.league_max_players
from mpp.league l
join mpp.edition e on e.id = l.edition_id
left join mpp.ambassador a
    on a.league_id = l.id
    and (a.player_id in (select private.my_player_ids()))
left join mpp.join_code c on c.league_id = l.id and l.id in (select private.my_led_league_ids())
where l.id in (select private.my_league_ids()) and l.school_id is null;
comment on view api.my_leagues is 'The leagues that the caller plays in or runs; the join code only for its ambassadors.';
grant select on api.my_leagues to authenticated;

create view api.league_teams with (security_invoker = true) as
select
    t.id as team_id,
    t.league_id,
    t.name,
    (select count(*) from mpp.player p where p.team_id = t.id) as players,
    (
        select coalesce(sum(v.points), 0)
        from mpp.validation v
        where v.league_id = t.league_id and v.team_id = t.id and v.state = 'credited'
    ) as points
from mpp.team t cross join (select) read_only;
comment on view api.league_teams is 'Teams of the caller''s leagues and classes, with their points.';
grant select on api.league_teams to authenticated, service_role;

-- A league page shows the points earned here to the league only: opting out of the public ranking does not matter.
create view api.league_members with (security_invoker = true) as
select
    p.league_id,
    p.id as player_id,
    p.team_id,
    case when p.alias = '—' then (select private.erased_name()) else p.alias end as alias,
    case when p.alias = '—' then (select private.erased_name()) else p.first_name end as first_name,
    p.picture_path,
    coalesce(v.points, 0) as points,
    coalesce(v.validations, 0) as validations,
    exists (select from mpp.ambassador a where a.league_id = p.league_id and a.player_id = p.id) as is_ambassador,
    p.id in (select private.my_player_ids()) as is_me,
    c.phone,
    p.joined_at,
    p.initial,
    case when p.alias is null then private.pupil_name(p.first_name, p.initial)
        when p.alias = '—' then (select private.erased_name())
        else p.first_name end as name
from mpp.player p
left join lateral (
    select sum(v.points) as points, count(*) as validations
    from mpp.validation v
    where v.player_id = p.id and v.league_id = p.league_id and v.state = 'credited'
) v on true
left join mpp.player_contact c on c.player_id = p.id
where p.league_id is not null;
comment on view api.league_members is 'Members of the caller''s leagues, and pupils of their classes, who have no alias. name is the first name, with a pupil''s initial where it is needed. phone shows to ambassadors of a league that is open or whose client asks for it; nobody under 15 gives or sees one.';
grant select on api.league_members to authenticated, service_role;

create view api.league_validations with (security_invoker = true) as
select
    v.id as validation_id,
    v.edition_id,
    v.league_id,
    v.team_id,
    v.player_id,
    case when p.alias = '—' then (select private.erased_name()) else p.alias end as alias,
    case when p.alias = '—' then (select private.erased_name()) else p.first_name end as first_name,
    c.id as challenge_id,
    k.code as challenge_code,
    k.title,
    v.points,
    v.state,
    v.proof_sent,
    v.validated_at,
    v.changed_at,
    case when p.alias is null then private.pupil_name(p.first_name, p.initial)
        when p.alias = '—' then (select private.erased_name())
        else p.first_name end as name
from mpp.validation v
left join mpp.player p on p.id = v.player_id
left join mpp.edition_challenge c on c.id = v.challenge_id
left join mpp.challenge k on k.id = c.challenge_id;
comment on view api.league_validations is 'Validations in the caller''s leagues and classes. challenge and title are null for a hidden challenge that the caller has not found. Sort by validated_at desc.';
grant select on api.league_validations to authenticated, service_role;

-- The class page: teachers and families read the same rows. Points come from the ledger, because nobody sees the score
-- of a class that opted out of the ranking.
create view api.my_classes with (security_invoker = true) as
select
    l.id as class_id,
    l.edition_id,
    e.code as edition_code,
    l.name,
    l.level,
    l.school_id,
    h.name as school_label,
    h.city,
    l.listed,
    l.id in (select private.my_led_league_ids()) as is_teacher,
    c.code as class_code,
    (select count(*) from mpp.player p where p.league_id = l.id) as pupils,
    e.league_max_players as most_pupils,
    coalesce(v.points, 0) as points,
    coalesce(v.validations, 0) as validations,
    exists (select from mpp.class_challenge x where x.league_id = l.id) as has_chosen,
    l.created_at
from mpp.league l
join mpp.edition e on e.id = l.edition_id
left join mpp.school h on h.id = l.school_id
left join mpp.class_code c on c.league_id = l.id and l.id in (select private.my_led_league_ids())
left join lateral (
    select sum(v.points) as points, count(*) as validations
    from mpp.validation v
    where v.league_id = l.id and v.state = 'credited'
) v on true
where l.id in (select private.my_league_ids()) and l.school_id is not null;
comment on view api.my_classes is 'The classes that the caller teaches, or follows as a family; the class code only for its teachers.';
grant select on api.my_classes to authenticated;

create view api.class_challenges with (security_invoker = true) as
select
    l.id as class_id,
    c.id as challenge_id,
    k.code,
    c.kind,
    k.theme,
    k.title,
    k.description,
    c.points,
    c.boost_factor,
    c.opens_at,
    c.closes_at,
    c.repeat_limit,
    c.quorum,
    c.needs_proof,
    k.goals,
    k.curriculum,
    x.league_id is not null or not exists (select from mpp.class_challenge o where o.league_id = l.id) as is_in_play,
    coalesce(v.pupils, 0) as pupils_credited,
    coalesce(v.points, 0) as points_earned
from mpp.league l
join mpp.edition_challenge c
    on c.edition_id = l.edition_id
    and l.level = any (c.levels)
    -- Teachers get the staff's sheets, so not even these tell of a flash challenge to come.
    and (c.kind <> 'flash' or c.opens_at <= (select private.read_clock()))
join mpp.challenge k on k.id = c.challenge_id
left join mpp.class_challenge x on x.league_id = l.id and x.challenge_id = c.id
left join lateral (
    select count(distinct v.player_id) as pupils, sum(v.points) as points
    from mpp.validation v
    where v.league_id = l.id and v.challenge_id = c.id and v.state = 'credited'
) v on true;
comment on view api.class_challenges is 'Challenges of the level of the caller''s classes: whether the class plays them, and what it did. Filter by class_id.';
grant select on api.class_challenges to authenticated, service_role;

create view api.open_leagues with (security_invoker = true) as
select l.id as league_id, l.edition_id, l.name, l.category, s.players, e.league_max_players
from mpp.league l
join mpp.edition e on e.id = l.edition_id
-- The score is what a visitor may read of a league. It also counts those who played and left, so a league may have one
-- more place than it shows, never one less.
join mpp.score s on s.subject_id = l.id
where l.is_open and l.listed and s.players between 1 and e.league_max_players - 1 and (select private.read_clock()) < e.registration_closes_at;
comment on view api.open_leagues is 'Open leagues that still have room; joining one requires a phone number.';
grant select on api.open_leagues to authenticated, service_role;

-- For the staff.
create view api.ops_leagues with (security_invoker = true) as
select
    l.id as league_id,
    l.edition_id,
    e.code as edition_code,
    l.name,
    l.category,
    l.is_open,
    l.listed,
    c.code as join_code,
    s.points,
    s.players,
    s.players < e.league_min_players as is_short,
    a.player_id as ambassador_player_id,
    l.created_at
from mpp.league l
join mpp.edition e on e.id = l.edition_id
join mpp.score s on s.subject_id = l.id
left join mpp.join_code c on c.league_id = l.id
left join mpp.ambassador a on a.league_id = l.id and a.is_principal
where (select private.is_ops()) and l.school_id is null;
comment on view api.ops_leagues is 'Every league with its size, points and ambassador; classes are in ops_classes. Staff only.';
grant select on api.ops_leagues to authenticated, service_role;

create view api.ops_classes with (security_invoker = true) as
select
    l.id as class_id,
    l.edition_id,
    e.code as edition_code,
    l.name,
    l.level,
    l.school_id,
    h.rne,
    h.name as school_label,
    h.postcode,
    h.city,
    h.country,
    l.listed,
    c.code as class_code,
    s.points,
    (select count(*) from mpp.player p where p.league_id = l.id) as pupils,
    (select count(*) from mpp.team t where t.league_id = l.id) as teams,
    (select count(*) from mpp.family f where f.league_id = l.id) as families,
    exists (select from mpp.class_challenge x where x.league_id = l.id) as has_chosen,
    l.created_at
from mpp.league l
join mpp.edition e on e.id = l.edition_id
join mpp.score s on s.subject_id = l.id
join mpp.school h on h.id = l.school_id
left join mpp.class_code c on c.league_id = l.id
where (select private.is_ops());
comment on view api.ops_classes is 'Every class with its school, size and points; class_teachers says who runs it. Staff only.';
grant select on api.ops_classes to authenticated, service_role;

-- What teachers say of their work is for statistics: so the staff see it without a name.
create view api.teacher_statistics with (security_invoker = true) as
select t.role, t.subject, count(*) as teachers, min(t.registered_at) as first_registered_at, max(t.registered_at) as last_registered_at
from mpp.teacher t
where (select private.is_ops())
group by t.role, t.subject;
comment on view api.teacher_statistics is 'How many teachers have which role and subject. Staff only.';
grant select on api.teacher_statistics to authenticated, service_role;

-- Logs that one account fills: consents of an account, where it plays, and changes of who runs a league. Nobody reads
-- the consents themselves.
create function private.filled_logs()
    returns table (
        edition_id integer, player_id uuid, league_id uuid, pattern text, times bigint, first_at timestamptz, last_at timestamptz
    )
    language plpgsql stable security definer rows 10 set search_path = pg_catalog, pg_temp
as $$
begin
    if not private.is_ops() then
        return;
    end if;
    return query
    select q.edition_id, q.id, q.league_id, 'consents', c.times, c.first_at, c.last_at
    from (
        select o.account_id, count(*) as times, min(o.given_at) as first_at, max(o.given_at) as last_at
        from mpp.consent o
        group by o.account_id, date_trunc('day', o.given_at at time zone 'Europe/Paris')
        having count(*) > 10
    ) c
    join mpp.player q on q.account_id = c.account_id
    union all
    select l.edition_id, null, l.id, 'hand-overs', h.times, h.first_at, h.last_at
    from (
        select a.subject, count(*) as times, min(a.at) as first_at, max(a.at) as last_at
        from mpp.audit a
        where a.action in ('league.hand_over', 'class.hand_over')
        group by a.subject, date_trunc('day', a.at at time zone 'Europe/Paris')
        having count(*) > 10
    ) h
    join mpp.league l on l.id::text = h.subject;
end
$$;
grant execute on function private.filled_logs to authenticated, service_role;

-- Misuse: more than ten validations within one minute, or more than forty in one day, by one player. Also what fills
-- logs: more than ten validations taken back, consents, or changes of who runs a league in one day.
create view api.misuse with (security_invoker = true) as
select
    m.edition_id,
    m.player_id,
    case when p.alias = '—' then (select private.erased_name()) else p.alias end as alias,
    m.league_id,
    m.pattern,
    m.validations,
    m.points,
    m.first_at,
    m.last_at,
    coalesce(m.player_id, m.league_id) as subject_id
from (
    select
        v.edition_id, v.player_id, v.league_id, 'burst' as pattern, count(*) as validations, sum(v.points) as points,
        min(v.validated_at) as first_at, max(v.validated_at) as last_at
    from mpp.validation v
    where v.state <> 'cancelled'
    group by v.edition_id, v.player_id, v.league_id, date_trunc('minute', v.validated_at, 'UTC')
    having count(*) > 10
    union all
    select
        v.edition_id, v.player_id, v.league_id, 'daily rate', count(*), sum(v.points), min(v.validated_at), max(v.validated_at)
    from mpp.validation v
    where v.state <> 'cancelled'
    group by v.edition_id, v.player_id, v.league_id, date_trunc('day', v.validated_at at time zone 'Europe/Paris')
    having count(*) > 40
    union all
    -- A teacher validates for the whole class, or enters a sheet of three weeks, in a minute: so a class is judged as a
    -- whole.
    select
        v.edition_id, null, v.league_id, 'class rate', count(*), sum(v.points), min(v.validated_at), max(v.validated_at)
    from mpp.validation v
    join mpp.league l on l.id = v.league_id and l.school_id is not null
    join mpp.edition e on e.id = v.edition_id
    where v.state <> 'cancelled'
    group by v.edition_id, v.league_id, e.starts_at, e.ends_at
    having count(*) > 10 * count(distinct v.player_id) * greatest(extract(epoch from least((select private.read_clock()), e.ends_at) - e.starts_at) / 86400, 1)
    union all
    select
        v.edition_id, v.player_id, v.league_id, 'taken back', count(*), sum(v.points), min(v.changed_at), max(v.changed_at)
    from mpp.validation v
    where v.state = 'cancelled'
    group by v.edition_id, v.player_id, v.league_id, date_trunc('day', v.changed_at at time zone 'Europe/Paris')
    having count(*) > 10
    union all
    select g.edition_id, g.player_id, g.league_id, g.pattern, g.times, 0, g.first_at, g.last_at from private.filled_logs() g
) m
left join mpp.player p on p.id = m.player_id
where (select private.is_ops()) and (m.player_id is null or p.alias is not null);
comment on view api.misuse is 'Players who validated implausibly fast: over 10 in a minute, or over 40 in a day. Classes (without player_id) with over 10 a day for each pupil. Also over 10 validations taken back or consents in a day, and leagues handed over as often (without player_id); validations is then their number. Staff only.';
grant select on api.misuse to authenticated, service_role;
