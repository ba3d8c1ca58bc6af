-- The classes of a territory, the people who run a client's leagues, and the whole report in one answer. The figures
-- come from 82_client_figure.

-- The classes that an authority follows: those listed in the ranking. They name no pupil.
create function private.client_territory(chosen integer default null) returns table (
    participation_id integer, class_id uuid, class_name text, level text, school_id uuid, school text, rne text, postcode text, city text,
    pupils integer, points integer, points_per_pupil numeric, points_this_week integer, rank bigint, general_rank bigint, value integer
)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    at timestamptz := private.clock();
begin
    return query
    select
        p.id, l.id, l.name::text, l.level::text, h.id, h.name::text, h.rne, h.postcode, h.city::text,
        private.suppress_few(s.players), s.points,
        case when s.players >= private.least_people() then round(s.points::numeric / s.players, 2) end,
        case when s.players >= private.least_people() then (
            select coalesce(sum(v.points), 0)::integer
            from mpp.validation v
            where v.league_id = l.id and v.state = 'credited'
                and v.validated_at >= (select k.opens from private.weeks_of(p.edition_id, at) k order by k.number desc limit 1)
        ) end,
        rank() over (partition by p.id order by s.value desc),
        private.rank_of(s.edition_id, 'league', s.value),
        s.value
    from private.followed(chosen) p
    join mpp.league l on l.edition_id = p.edition_id and l.school_id is not null and l.listed
    join mpp.school h on h.id = l.school_id and h.country = 'FR' and not h.is_hidden
    join mpp.score s on s.subject_id = l.id
    where exists (
        select
        from mpp.territory t
        where t.organisation_id = p.organisation_id
            and case t.kind
                when 'postcode' then h.postcode = t.code
                when 'department' then h.department = t.code
                when 'commune' then t.code in (h.commune, private.whole_commune(h.commune))
                else h.rne = t.code
            end
    )
    order by p.id, s.value desc, s.tie_order, l.id;
end
$$;
grant execute on function private.client_territory to authenticated, service_role, mpp_dashboard;

create view api.client_territory with (security_invoker = true) as
select * from private.client_territory();
comment on view api.client_territory is 'The listed classes of the territory of the caller''s clients, ranked among themselves and among all; no pupil is named.';
comment on column api.client_territory.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_territory.class_id is 'The class.';
comment on column api.client_territory.class_name is 'Its name.';
comment on column api.client_territory.level is 'Its level.';
comment on column api.client_territory.school_id is 'Its school.';
comment on column api.client_territory.school is 'Name of the school.';
comment on column api.client_territory.rne is 'Code of the school (RNE, today called UAI); null when it has none.';
comment on column api.client_territory.postcode is 'Postcode of the school.';
comment on column api.client_territory.city is 'City of the school.';
comment on column api.client_territory.pupils is 'Pupils since the start; null for one to four.';
comment on column api.client_territory.points is 'Points of the class since the start.';
comment on column api.client_territory.points_per_pupil is 'points divided by pupils; null while there are fewer than five.';
comment on column api.client_territory.points_this_week is 'Points of the current week, or of the last one; null where pupils is null.';
comment on column api.client_territory.rank is 'Its rank among the listed classes of the territory, by value.';
comment on column api.client_territory.general_rank is 'Its rank among all listed classes of the edition.';
comment on column api.client_territory.value is 'What the ranking compares: points, or in an edition ranked by average hundredths of a point per pupil.';
grant select on api.client_territory to authenticated, service_role, mpp_dashboard;

create function private.client_ambassadors(chosen integer default null) returns table (participation_id integer, league_id uuid, league text, unit text, alias text, is_principal boolean)
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
    select p.id, l.id, l.name::text, u.name::text, case when q.listed then q.alias::text end, a.is_principal
    from private.followed(chosen) p
    join mpp.league l on l.participation_id = p.id and l.listed
    -- Only where the client learns that somebody runs the league.
    join private.client_leagues(chosen) told on told.league_id = l.id and told.has_ambassador
    join mpp.ambassador a on a.league_id = l.id
    join mpp.player q on q.id = a.player_id
    left join mpp.unit u on u.id = l.unit_id
    order by p.id, l.name, a.is_principal desc;
end
$$;
grant execute on function private.client_ambassadors to authenticated, service_role, mpp_dashboard;

create view api.client_ambassadors with (security_invoker = true) as
select * from private.client_ambassadors();
comment on view api.client_ambassadors is 'Who runs the listed leagues of the caller''s clients, by alias; null for somebody who opted out. The client does not see their address.';
comment on column api.client_ambassadors.participation_id is 'The part of a client in an edition, as client_participations has it.';
comment on column api.client_ambassadors.league_id is 'The league.';
comment on column api.client_ambassadors.league is 'Its name.';
comment on column api.client_ambassadors.unit is 'Name of its unit; null when it has none.';
comment on column api.client_ambassadors.alias is 'Who runs it; null for somebody who opted out of the rankings.';
comment on column api.client_ambassadors.is_principal is 'True for its ambassador, false for a co-ambassador.';
grant select on api.client_ambassadors to authenticated, service_role, mpp_dashboard;

-- Everything that a report says, in one snapshot and from the same functions as the views.
create function private.client_report(participation_id integer) returns jsonb
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
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
        join mpp.staff s on s.organisation_id = x.organisation_id and s.account_id = (select private.my_account())
        where x.id = client_report.participation_id;
        if found then
            if private.my_proven_account() is null then
                perform private.refuse('MP012');
            end if;
            if me.role = 'owner' and private.lacks_second_factor() then
                perform private.refuse('MP013');
            end if;
            perform private.require_staff_access(me);
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
                order by s.value desc, s.tie_order
                limit 5
            ) g
        ),
        'edition_totals', (
            select jsonb_build_object('players', sum(s.players) filter (where s.scope = 'league'),
                'leagues', count(*) filter (where s.scope = 'league'), 'points', sum(s.points) filter (where s.scope = 'league'))
            from mpp.score s
            -- A private edition belongs to its client: sums of it would tell what is suppressed.
            where s.edition_id = p.edition_id and s.is_public
        ),
        -- Beside what a client learns of its own leagues: those of five players or more.
        'edition_compared', (
            select jsonb_build_object('players', sum(s.players), 'leagues', count(*), 'points', sum(s.points))
            from mpp.score s
            where s.edition_id = p.edition_id and s.is_public and s.scope = 'league' and s.players >= private.least_people()
        )
    ) into report;
    return report;
end
$$;
grant execute on function private.client_report to authenticated, service_role, mpp_dashboard;

create function api.client_report(participation_id integer) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
begin atomic select private.client_report(participation_id); end;
comment on function api.client_report is 'Every figure of a client''s report in one snapshot, from the same functions as the views. Its staff inside their dates, and staff of the association. Errors: MP012, MP013, MP091, MP093.';
grant execute on function api.client_report to authenticated, service_role, mpp_dashboard;

-- Who gets the mail of a client's week. mail_obstacle asks once more whether it may leave when it does.
create type api.weekly_reader as (account_id uuid, league_id uuid, language text);
comment on type api.weekly_reader is 'Somebody who gets a weekly mail: an ambassador of the league league_id, or, where that is null, staff of the client.';

create function private.weekly_readers(participation_id integer) returns setof api.weekly_reader
    language plpgsql stable security definer rows 50 set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamptz := private.clock();
    p mpp.participation;
begin
    perform private.require_service();
    select * into p from mpp.participation x where x.id = weekly_readers.participation_id;
    if not found then
        perform private.refuse('MP093');
    end if;
    return query
    select s.account_id, null::uuid, o.language
    from mpp.staff s
    join mpp.organisation o on o.id = s.organisation_id
    where s.organisation_id = p.organisation_id and at >= s.access_from and at < s.access_until
    union all
    select a.account_id, l.id, case f.language when 'fr' then 'fr' else 'en' end
    from mpp.league l
    join mpp.ambassador a on a.league_id = l.id
    join mpp.profile f on f.id = a.account_id
    where l.participation_id = p.id
        and (
            select c.granted
            from mpp.consent c
            where c.account_id = a.account_id and c.purpose = 'league_alerts'
            order by c.id desc
            limit 1
        )
    order by 2 nulls first, 1;
end
$$;
grant execute on function private.weekly_readers to service_role;

create function api.weekly_readers(participation_id integer) returns setof api.weekly_reader
    language sql stable rows 50 set search_path = pg_catalog, pg_temp
begin atomic select * from private.weekly_readers(participation_id); end;
comment on function api.weekly_readers is 'Lists who gets the weekly mails of a client: its staff inside their dates, and the ambassadors of its leagues who agreed to alerts. Secret key only. Errors: MP006, MP093.';
grant execute on function api.weekly_readers to service_role;
