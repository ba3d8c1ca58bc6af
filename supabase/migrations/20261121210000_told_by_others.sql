-- What could still be told of few people: active ones by subtraction, small leagues from the sums of a private edition, a small
-- league that opted out. Invitations to one Gmail mailbox count together, and names hold no address of any kind.

create or replace function private.mailbox_of(address text) returns text
    language sql
    immutable
    parallel safe
    strict
    set search_path = pg_catalog, pg_temp
as $$
    select case
        when split_part(m.plain, '@', 2) in ('gmail.com', 'googlemail.com')
            then replace(split_part(m.plain, '@', 1), '.', '') || '@gmail.com'
        else m.plain
    end
    from (select regexp_replace(lower(address), '(.)\+[^@]*@', '\1@')) m (plain)
$$;
reindex index mpp.outbox_invitation;

create or replace function private.clean_name(field text, value text, longest integer default 60, own integer default null) returns text
    language plpgsql
    stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text := private.clean_line(field, value, longest);
    said text;
    letters text;
begin
    if private.is_ops() then
        return cleaned;
    end if;
    -- Also in wide letters, and in those of Greek and Cyrillic that look like ours.
    said := translate(private.folded(cleaned), 'аеіӏмортсАЕІМОРТСαειορτμΑΕΙΜΟΡΤłƥ℮', 'aeilmoptcaeimoptcaeioptmaeimoptlpe');
    -- What mail programs make a link of.
    if said ~ '//|@|\mwww\.|\w\.(app|be|biz|ca|ch|click|club|co|com|de|dev|es|eu|fr|gl|info|io|it|link|ly|me|net|online|org|ru|shop|site|to|top|tv|uk|us|xyz)\M' then
        perform private.refuse('MP010', field, 'it holds a link', 'Use a name without an address: no //, no @, nothing like example.com.');
    end if;
    -- i, l and 1 look alike.
    letters := regexp_replace(translate(said, '1340i', 'leaol'), '[^a-z]', '', 'g');
    if letters ~ 'mapetlteplanete' or letters = 'mpp'
        or (said ~ '\mmpp\M' and said ~ '\m(officiel|officielle|official|admin|administration|support|staff|moderation|securite|security)\M') then
        perform private.refuse('MP010', field, 'it is the name of the association', 'Choose a name of your own.');
    end if;
    said := private.folded(cleaned);
    if exists (
        select
        from mpp.organisation o
        where o.id is distinct from own
            and starts_with(said, private.folded(o.name))
            -- Alone, or as leagues carry it: “Exemple · Lyon”.
            and substr(said, char_length(private.folded(o.name)) + 1) ~ '^(\s*[·•∙‧・:|(/,–—]|-\s|\s+-|$)'
            and private.folded(o.name) is distinct from (select private.folded(x.name) from mpp.organisation x where x.id = own)
    ) then
        perform private.refuse('MP010', field, 'it is the name of an organisation that plays', 'Choose a name of your own.');
    end if;
    return cleaned;
end
$$;

create or replace function private.client_overview(chosen integer default null) returns setof api.client_overview_row
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.organisation_id, p.edition_id, p.expected_players, w.number as week, w.first_day, w.last_day, w.opens, w.closes,
            (select v.opens from private.weeks_of(p.edition_id, at) v where v.number = w.number - 1) as previous
        from private.followed(chosen) p
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), league as (
        select m.id, l.id as league_id, l.created_at from mine m join mpp.league l on l.participation_id = m.id
    ), person as (
        -- Who is there, and who left after having played: as the scores count them.
        select g.id, p.id as player_id, p.joined_at from league g join mpp.player p on p.league_id = g.league_id
        union
        select g.id, p.id, p.joined_at
        from league g
        join mpp.validation v on v.league_id = g.league_id
        join mpp.player p on p.id = v.player_id
    ), people as (
        select m.id, count(q.player_id) as players, count(q.player_id) filter (where q.joined_at < m.opens) as before
        from mine m
        left join person q on q.id = m.id
        group by m.id
    ), ledger as (
        select m.id,
            count(v.id) as validations,
            coalesce(sum(v.points), 0) as points,
            count(v.id) filter (where v.validated_at < m.opens) as validations_before,
            coalesce(sum(v.points) filter (where v.validated_at < m.opens), 0) as points_before,
            count(distinct v.player_id) as active_ever,
            count(distinct v.player_id) filter (where v.validated_at >= m.opens) as active,
            count(distinct v.player_id) filter (where v.validated_at >= m.previous and v.validated_at < m.opens) as active_before
        from mine m
        left join league g on g.id = m.id
        left join mpp.validation v on v.league_id = g.league_id and v.state = 'credited'
        group by m.id
    ), group_ as (
        select m.id, count(g.league_id) as leagues, count(g.league_id) filter (where g.created_at < m.opens) as before
        from mine m
        left join league g on g.id = m.id
        group by m.id
    )
    select
        m.id, m.organisation_id, m.edition_id, m.week, m.first_day, m.last_day, m.expected_players,
        private.withheld(p.players),
        case when m.week > 1 then n.new_players end,
        private.withheld(d.active),
        case when m.week > 1 and private.withheld(d.active) is not null and private.withheld(d.active_before) is not null
            then (d.active - d.active_before)::integer end,
        private.withheld(d.active_ever),
        g.leagues::integer,
        case when m.week > 1 then (g.leagues - g.before)::integer end,
        -- What one to four people did is withheld with their number.
        case when p.players not between 1 and 4 then d.validations::integer end,
        case when m.week > 1 and p.players not between 1 and 4 then (d.validations - d.validations_before)::integer end,
        case when p.players not between 1 and 4 then d.points::integer end,
        case when m.week > 1 and p.players not between 1 and 4 then (d.points - d.points_before)::integer end,
        case when p.players >= 5 then round(d.points::numeric / p.players, 2) end,
        -- With the change of the points it would tell how many came.
        case when m.week > 1 and n.new_players is not null and p.players >= 5 and p.before >= 5
            then round(d.points::numeric / p.players, 2) - round(d.points_before::numeric / p.before, 2) end
    from mine m
    join people p on p.id = m.id
    left join private.client_weekly(chosen) n on n.participation_id = m.id and n.week = m.week
    join ledger d on d.id = m.id
    join group_ g on g.id = m.id
    order by m.id;
end
$$;

create or replace function private.client_leagues(chosen integer default null) returns setof api.client_league_row
    language plpgsql
    stable
    security definer
    rows 50
    set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with mine as (
        select p.id, p.edition_id, w.number as week, w.opens,
            (select v.opens from private.weeks_of(p.edition_id, at) v where v.number = w.number - 1) as previous,
            -- The same hour on the wall, also over a clock change.
            (at at time zone e.time_zone - interval '7 days') at time zone e.time_zone as week_ago,
            e.league_min_players, e.time_zone, e.starts_at <= at and at < e.ends_at as running
        from private.followed(chosen) p
        join mpp.edition e on e.id = p.edition_id
        left join lateral (select x.* from private.weeks_of(p.edition_id, at) x order by x.number desc limit 1) w on true
    ), counted as (
        -- Those that opted out too: what they withhold counts, or opting out would uncover the next one.
        select m.id, m.week, m.running, m.opens, m.league_min_players, m.time_zone, l.id as league_id, l.name, l.unit_id, u.name as unit,
            l.listed, s.players, s.points, s.value, s.reached_at, s.is_public,
            exists (select from mpp.ambassador a where a.league_id = l.id and a.is_principal) as has_ambassador,
            v.*
        from mine m
        join mpp.league l on l.participation_id = m.id
        join mpp.score s on s.subject_id = l.id
        left join mpp.unit u on u.id = l.unit_id
        cross join lateral (
            select
                count(*) as validations,
                count(distinct x.player_id) as active_ever,
                count(distinct x.player_id) filter (where x.validated_at >= m.opens) as active,
                coalesce(sum(x.points) filter (where x.validated_at >= m.opens), 0) as this_week,
                coalesce(sum(x.points) filter (where x.validated_at >= m.previous and x.validated_at < m.opens), 0) as last_week,
                -- By the same hour of the week before: a week that is on is behind a whole one until its last evening.
                coalesce(sum(x.points) filter (where x.validated_at >= m.previous and x.validated_at < m.week_ago), 0) as last_so_far,
                max(x.validated_at) as last_at
            from mpp.validation x
            where x.league_id = l.id and x.state = 'credited'
        ) v
    ), line as (
        -- From the smallest on, until what is withheld is five people together; of two that are equal, both.
        select c.*,
            c.players < 5 or coalesce(sum(c.players) over by_players, 0) between 1 and 4 as is_small,
            c.active = 0 or (c.active >= 5 and coalesce(sum(c.active) over by_active, 0) not between 1 and 4) as active_told,
            c.active_ever = 0 or (c.active_ever >= 5 and coalesce(sum(c.active_ever) over by_active_ever, 0) not between 1 and 4)
                as active_ever_told
        from counted c
        window
            by_players as (partition by c.id order by c.players range between unbounded preceding and 1 preceding),
            by_active as (partition by c.id order by c.active range between unbounded preceding and 1 preceding),
            by_active_ever as (partition by c.id order by c.active_ever range between unbounded preceding and 1 preceding)
    )
    select
        c.id, c.league_id, c.name::text, c.unit_id, c.unit::text,
        case when c.is_public or not c.is_small
            then rank() over (partition by c.id, c.is_public or not c.is_small order by c.value desc) end,
        case when not c.is_small then c.players end,
        case when not c.is_small and c.active_told then c.active::integer end,
        case when not c.is_small and c.active_ever_told then c.active_ever::integer end,
        case when not c.is_small then c.validations::integer end,
        case when c.is_public or not c.is_small then c.points end,
        case when not c.is_small then round(c.points::numeric / c.players, 2) end,
        case when c.is_public or not c.is_small then c.value end,
        case when not c.is_small then c.this_week::integer end,
        case when not c.is_small and c.week > 1 then c.last_week::integer end,
        -- To the day: the minute would say who it was.
        case when not c.is_small then date_trunc('day', c.last_at, c.time_zone) end,
        c.has_ambassador,
        array_remove(array[
            case when not c.has_ambassador then 'no_ambassador' end,
            case when c.running and c.validations = 0 then 'not_started' end,
            case when not c.is_small and c.running and c.validations > 0 and c.active = 0 and at > c.opens + interval '2 days'
                then 'quiet' end,
            -- Of one to four active people, only what is true of all four numbers.
            case when not c.is_small and c.running and c.active > 0 and at > c.opens + interval '2 days'
                and 2 * greatest(c.active, 4) < c.players then 'few_active' end,
            -- Under three quarters: a little less is no reason.
            case when not c.is_small and c.running and c.active > 0 and c.week > 1 and at > c.opens + interval '2 days'
                and 4 * c.this_week < 3 * c.last_so_far then 'falling' end,
            case when c.players < greatest(c.league_min_players, 5) then 'few_players' end
        ], null)
    from line c
    where c.listed
    -- The place in the list would tell what is withheld.
    order by c.id, case when c.is_public or not c.is_small then c.value end desc nulls last,
        case when c.is_public or not c.is_small then c.reached_at end, c.league_id;
end
$$;

create or replace function private.client_weekly(chosen integer default null) returns setof api.client_week_row
    language plpgsql
    stable
    security definer
    rows 20
    set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
begin
    return query
    with week as (
        select p.id, k.number, k.first_day, k.last_day, k.opens, k.closes
        from private.followed(chosen) p
        cross join lateral private.weeks_of(p.edition_id, at) k
    ), league as (
        select p.id, l.id as league_id from private.followed(chosen) p join mpp.league l on l.participation_id = p.id
    ), person as (
        -- The same people as the overview counts.
        select g.id, q.id as player_id, q.joined_at from league g join mpp.player q on q.league_id = g.league_id
        union
        select g.id, q.id, q.joined_at
        from league g
        join mpp.validation x on x.league_id = g.league_id
        join mpp.player q on q.id = x.player_id
    ), joined as (
        -- The first week also counts who came before the start. The weeks add up to all players: see client_leagues.
        select c.id, c.number,
            case when c.people = 0 or (c.people >= 5 and coalesce(sum(c.people) over (
                partition by c.id order by c.people range between unbounded preceding and 1 preceding
            ), 0) not between 1 and 4) then c.people::integer end as new_players
        from (
            select k.id, k.number, count(q.player_id) as people
            from week k
            left join person q on q.id = k.id and q.joined_at < k.closes and (k.number = 1 or q.joined_at >= k.opens)
            group by k.id, k.number
        ) c
    ), ledger as (
        select k.id, k.number, count(distinct x.player_id) as active, count(*) as validations, sum(x.points) as points
        from league g
        join mpp.validation x on x.league_id = g.league_id and x.state = 'credited'
        join week k on k.id = g.id and x.validated_at >= k.opens and x.validated_at < k.closes
        group by k.id, k.number
    )
    select
        k.id, k.number, k.first_day, k.last_day, j.new_players, private.withheld(coalesce(v.active, 0)),
        case when not f.is_few then coalesce(v.validations, 0)::integer end,
        case when not f.is_few then coalesce(v.points, 0)::integer end,
        case when not f.is_few then (coalesce(v.validations, 0) - lag(coalesce(v.validations, 0)) over w)::integer end,
        case when not f.is_few then (coalesce(v.points, 0) - lag(coalesce(v.points, 0)) over w)::integer end
    from week k
    join joined j on j.id = k.id and j.number = k.number
    left join ledger v on v.id = k.id and v.number = k.number
    -- What one to four people did is withheld with their number.
    cross join lateral (select count(*) between 1 and 4 as is_few from person q where q.id = k.id) f
    window w as (partition by k.id order by k.number)
    order by k.id, k.number;
end
$$;

create or replace function private.client_map(chosen integer default null) returns setof api.client_map_row
    language plpgsql
    stable
    security definer
    rows 20
    set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with cell as (
        select p.id, private.department_of(f.country, f.postcode) as department, count(*) as players
        from private.followed(chosen) p
        join mpp.league l on l.participation_id = p.id
        join mpp.player q on q.league_id = l.id and q.listed
        join mpp.profile f on f.id = q.account_id and f.country = 'FR'
        group by p.id, private.department_of(f.country, f.postcode)
    ), elsewhere as (
        -- Abroad or opted out: on no map, and in the total.
        select x.id, count(*) - coalesce((select sum(c.players) from cell c where c.id = x.id), 0) as people
        from (
            select p.id
            from private.followed(chosen) p
            join mpp.league l on l.participation_id = p.id
            join mpp.player q on q.league_id = l.id
        ) x
        group by x.id
    ), ordered as (
        select c.*, x.people + coalesce(sum(c.players) over smaller, 0) as smaller_players
        from cell c
        join elsewhere x on x.id = c.id
        -- Of two that are equal both: which of them joined would say where the others are.
        window smaller as (partition by c.id order by c.players range between unbounded preceding and 1 preceding)
    )
    select o.id, o.department, case when o.players >= 5 and o.smaller_players not between 1 and 4 then o.players::integer end
    from ordered o
    order by o.id, o.department;
end
$$;

create or replace function private.client_report(participation_id integer) returns jsonb
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
    p mpp.participation;
    me mpp.staff;
    report jsonb;
begin
    select * into p from private.followed(participation_id);
    if p.id is null then
        select s.* into me
        from mpp.participation x
        join mpp.staff s on s.organisation_id = x.organisation_id and s.account_id = (select auth.uid())
            and private.request_role() = 'authenticated'
        where x.id = client_report.participation_id;
        if found then
            perform private.require_open(me);
        end if;
        perform private.refuse('MP093');
    end if;
    with told as materialized (
        select * from private.client_leagues(p.id)
    )
    select jsonb_build_object(
        'as_of', at,
        'organisation', (select jsonb_build_object('code', o.code, 'name', o.name, 'kind', o.kind, 'language', o.language)
            from mpp.organisation o where o.id = p.organisation_id),
        'edition', (select jsonb_build_object('code', e.code, 'title', e.title, 'starts_at', e.starts_at, 'ends_at', e.ends_at,
            'time_zone', e.time_zone, 'frozen_at', e.frozen_at, 'audience', e.audience) from mpp.edition e where e.id = p.edition_id),
        'overview', (select to_jsonb(r) from private.client_overview(p.id) r),
        'weeks', (select coalesce(jsonb_agg(r), '[]') from private.client_weekly(p.id) r),
        'days', (select coalesce(jsonb_agg(r), '[]') from private.client_daily(p.id) r),
        'leagues', (select coalesce(jsonb_agg(r), '[]') from told r),
        'units', (select coalesce(jsonb_agg(r), '[]') from private.client_ranking(p.id) r where r.scope = 'unit'),
        'themes', (select coalesce(jsonb_agg(r), '[]') from private.client_themes(p.id) r),
        'map', (select coalesce(jsonb_agg(r), '[]') from private.client_map(p.id) r),
        'territory', (select coalesce(jsonb_agg(r), '[]') from private.client_territory(p.id) r),
        -- The best of its leagues among all of the edition, as everybody sees them.
        'general', (
            select coalesce(jsonb_agg(jsonb_build_object('name', g.name, 'rank', g.rank, 'points', g.points,
                'points_per_player', g.points_per_player) order by g.rank), '[]')
            from (
                select l.name, private.rank_of(s.edition_id, 'league', s.value) as rank, s.points,
                    (select r.points_per_player from told r where r.league_id = l.id) as points_per_player
                from mpp.league l
                join mpp.score s on s.subject_id = l.id and s.is_public
                where l.participation_id = p.id
                order by s.value desc, s.reached_at
                limit 5
            ) g
        ),
        'edition_totals', (
            select jsonb_build_object('players', sum(s.players) filter (where s.scope = 'league'),
                'leagues', count(*) filter (where s.scope = 'league'), 'points', sum(s.points) filter (where s.scope = 'league'))
            from mpp.score s
            -- A private edition is its client: sums of it would tell what is withheld.
            where s.edition_id = p.edition_id and s.is_public
        ),
        -- Beside what a client is told of its own leagues: those of five players or more.
        'edition_compared', (
            select jsonb_build_object('players', sum(s.players), 'leagues', count(*), 'points', sum(s.points))
            from mpp.score s
            where s.edition_id = p.edition_id and s.is_public and s.scope = 'league' and s.players >= 5
        )
    ) into report;
    return report;
end
$$;

create or replace function private.my_client_awards() returns setof api.client_award
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select a.id, a.participation_id, a.organisation_id, a.edition_id, a.place, a.rule, a.scope, a.title::jsonb, a.description::jsonb,
        a.subject_id, coalesce(s.label, h.name::text), s.league_label, case when s.is_public or h.id is not null then a.value end, a.granted_at
    from mpp.award a
    -- In a private edition no league or team of fewer than five: see 82_follow_up.
    left join mpp.score s on s.subject_id = a.subject_id and s.edition_id = a.edition_id and s.listed
        and (s.is_public or s.scope = 'player' or s.players >= 5)
    left join mpp.school h on h.id = a.subject_id and a.scope = 'school' and not h.is_hidden
        and exists (select from mpp.score c where c.edition_id = a.edition_id and c.school_id = h.id and c.listed)
    where a.organisation_id in (select private.my_client_ids()) and coalesce(s.label, h.name::text) is not null;
end
$$;

create or replace function private.send_contact_request(
    kind text, name text, email text, message text, organisation text, size integer, language text
) returns void
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, pg_temp
as $$
declare
    per_address constant integer := 3;
    per_hour constant integer := 200;
    most_held constant integer := 5000;
    at timestamptz;
    address text;
    written mpp.contact_request;
begin
    if private.request_role() = 'authenticated' then
        perform private.signed_in();
    end if;
    perform private.require_no_maintenance();
    if kind is null or kind not in ('contact', 'quote', 'webinar') then
        perform private.refuse('MP010', 'kind', coalesce(left(kind, 40), 'it is empty'), 'Use contact, quote or webinar.');
    end if;
    if octet_length(email) <= 300 then
        address := lower(btrim(email));
    end if;
    -- Printable ASCII: what is written back to goes into the header of a mail.
    if address is null or address !~ '^[!#-''*+\-./0-9=?^_`a-z{|}~]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$' or char_length(address) > 254 then
        perform private.refuse('MP010', 'email', left(coalesce(email, 'it is empty'), 80), 'Give an address such as name@example.org.');
    end if;
    if size is not null and size not between 1 and 10000000 then
        perform private.refuse('MP010', 'size', size::text, 'Give a number of people, or nothing.');
    end if;
    if language is null or language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', left(coalesce(language, 'it is empty'), 20), 'Use fr, en or de.');
    end if;
    written.name := private.clean_line('name', name, 120);
    written.message := private.clean_text('message', message, 4000);
    if btrim(organisation) <> '' then
        written.organisation := private.clean_line('organisation', organisation, 120);
    end if;

    -- One at a time, or twenty at once would all find room.
    perform pg_advisory_xact_lock(hashtext('mpp.contact_request'));
    at := private.clock();
    written.is_held := (
        select count(*) from mpp.contact_request c where not c.is_held and c.received_at > at - interval '1 hour'
    ) >= per_hour or (
        select count(*) from mpp.contact_request c where c.email = address and c.received_at > at - interval '1 day'
    ) >= per_address;
    if written.is_held and (
        select count(*) from mpp.contact_request c where c.is_held and c.state = 'new'
    ) >= most_held then
        perform private.refuse('MP095');
    end if;
    insert into mpp.contact_request (kind, name, email, organisation, size, message, language, received_at, is_held)
    values (send_contact_request.kind::api.contact_kind, written.name, address, written.organisation, send_contact_request.size,
        written.message, send_contact_request.language, at, written.is_held);
end
$$;

-- 98_client_columns.sql

comment on column api.client_leagues.active_players is 'Players who did a challenge this week; null for one to four, for the next league where the total would tell, and with players.';
comment on column api.client_leagues.active_players_ever is 'Players who did a challenge since the start; null for one to four, for the next league where the total would tell, and with players.';
comment on column api.client_overview.validations is 'Challenges done since the start; null while the client has one to four players.';
comment on column api.client_overview.validations_change is 'How many of them were done this week, which is not a difference between two weeks (client_weekly has that); null in the first week; null while the client has one to four players.';
comment on column api.client_overview.points is 'Points since the start; null while the client has one to four players.';
comment on column api.client_overview.points_change is 'How many of them were won this week, which is not a difference between two weeks (client_weekly has that); null in the first week; null while the client has one to four players.';
comment on column api.client_weekly.validations is 'Challenges done in it; null while the client has one to four players.';
comment on column api.client_weekly.points is 'Points won in it; null while the client has one to four players.';
comment on column api.client_weekly.validations_change is 'validations less those of the week before: a difference between two weeks; null in the first one; null while the client has one to four players.';
comment on column api.client_weekly.points_change is 'points less those of the week before: a difference between two weeks; null in the first one; null while the client has one to four players.';
comment on column api.client_awards.value is 'What earned it, in the unit of the rule: the rank, points a player, validations, themes, collective challenges, or days; null in a private edition.';
comment on column api.client_map.players is 'Listed players who live there; null for one to four, and for the next larger place where the difference would tell, those abroad or opted out counted with what is withheld.';
