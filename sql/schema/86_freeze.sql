-- Freezing an edition, and proving its scores. A freeze copies nothing but the sums of schools. From then on every
-- table of the ranking refuses changes for that edition (72_score), and its counts keep the ranks. The seal proves that
-- nothing changed.

create function private.seal_of(edition integer) returns text
    language sql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
    select format('1:%s:%s:%s:%s', s.number, s.digest, c.number, c.digest)
        || coalesce((
            select format(':%s:%s', count(*), sum(('x' || left(md5(concat_ws('|', x.level, x.rank, x.school_id, x.classes, x.points,
                x.players, x.value, x.tie_order)), 16))::bit(64)::bigint))
            from mpp.school_standing x
            where x.edition_id = edition
            having count(*) > 0
        ), '')
    from (
        select count(*) as number, coalesce(sum(('x' || left(md5(concat_ws('|', x.subject_id, x.scope, x.points, x.players, x.value,
            x.tie_order)), 16))::bit(64)::bigint), 0) as digest
        from (
            -- Apart, because each has an index by edition. A scan of all scores would grow with every edition there has been.
            select l.* from mpp.score l where l.edition_id = edition and l.listed
            union all
            select n.* from mpp.score n where n.edition_id = edition and not n.listed
        ) x
    ) s, (
        select count(*) as number, coalesce(sum(('x' || left(md5(concat_ws('|', x.scope, x.value, x.subjects)), 16))::bit(64)::bigint), 0) as digest
        from mpp.value_count x
        where x.edition_id = edition and x.subjects <> 0
    ) c
$$;
comment on function private.seal_of is 'Fingerprint of every score and count of an edition, whatever their order; names and listing are not part of it.';

create function private.freeze_edition(edition_code text) returns timestamptz
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    at timestamptz;
begin
    perform private.require_ops();
    e := private.find_edition(edition_code);
    -- This waits for every writer of the edition, and every later one finds it frozen. Readers do not wait.
    perform private.lock_edition(e.id, alone => true);
    at := private.clock();
    e := private.find_edition(edition_code);
    if e.frozen_at is not null then
        return e.frozen_at;
    end if;
    if private.edition_phase(e.opened_at, e.starts_at, e.ends_at, e.frozen_at, at) <> 'closed' then
        perform private.refuse('MP026', jsonb_build_object('ends_at', e.ends_at), e.code, private.format_instant(e.ends_at));
    end if;
    perform private.fold_scores(e.id, wait => true);
    insert into mpp.school_standing (edition_id, level, rank, school_id, classes, points, players, value, tie_order)
    select r.edition_id, r.level, r.rank, r.subject_id, r.classes, r.points, r.players, r.value, r.tie_order
    from api.school_ranking r
    where r.edition_id = e.id;
    update mpp.edition set frozen_at = at, seal = private.seal_of(e.id) where id = e.id;
    -- The audit keeps the seal too: it is append-only, so a seal that is rewritten in the edition differs from it.
    perform private.record_act('edition.freeze', edition_code, jsonb_build_object('seal', (select x.seal from mpp.edition x where x.id = e.id)));
    return at;
end
$$;
grant execute on function private.freeze_edition to authenticated, service_role;

-- Long work of the staff is not bound by the time limit of a page. PostgREST reads the limit from the exposed function.
create function api.freeze_edition(edition_code text) returns timestamptz
    language sql set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select private.freeze_edition(edition_code); end;
comment on function api.freeze_edition is 'Freezes the ranking of an edition that has ended. Returns when it was frozen, also if it was before. Staff. Errors: MP006, MP020, MP026.';
grant execute on function api.freeze_edition to authenticated, service_role;

create type api.score_fault as (edition_code text, scope text, subject_id uuid, fault text, expected bigint, found bigint);
comment on type api.score_fault is 'A score that differs from what the ledger says.';

-- The planner has no statistics of the ledger (99_ownership), and takes an index by blocks for useless without any. So it
-- is told not to read whole tables: the ledger of one edition is read, however many others there are.
create function private.verify_scores(edition_code text) returns setof api.score_fault
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
declare
    e mpp.edition;
begin
    perform private.require_ops();
    if edition_code is not null then
        e := private.find_edition(edition_code);
    end if;
    for e in select x.* from mpp.edition x where edition_code is null or x.code = edition_code order by x.id loop
        return query
        with ledger as (
            select v.player_id, v.team_id, v.league_id, sum(v.points) as points, max(v.credit_number) as tie_order
            from mpp.validation v
            where v.edition_id = e.id and v.state = 'credited'
            group by v.player_id, v.team_id, v.league_id
        ), expected as (
            select j.subject_id, sum(l.points) as points, max(l.tie_order) as tie_order
            from ledger l
            cross join lateral (values (l.player_id), (l.team_id), (l.league_id)) j (subject_id)
            group by j.subject_id
        ), scored as (
            select s.subject_id, s.scope, s.points, s.tie_order, s.value,
                private.value_of(s.points, s.players, s.at_least_players, s.by_average) as right_value
            from (
                select l.* from mpp.score l where l.edition_id = e.id and l.listed
                union all
                select n.* from mpp.score n where n.edition_id = e.id and not n.listed
            ) s
        )
        select e.code, s.scope::text, coalesce(s.subject_id, x.subject_id), f.fault, coalesce(f.expected, 0), f.found
        from scored s
        full join expected x on x.subject_id = s.subject_id
        cross join lateral (
            values ('points', x.points::bigint, s.points::bigint), ('order among equals', x.tie_order, s.tie_order),
                ('value', s.right_value::bigint, s.value::bigint)
        ) f (fault, expected, found)
        where coalesce(f.expected, 0) is distinct from f.found;

        return query
        select e.code, 'team', q.team_id, 'collective credit below or above its quorum', q.quorum::bigint, q.doers
        from (
            select v.team_id, c.quorum, count(distinct v.player_id) as doers, bool_or(v.state = 'pending') as waiting,
                bool_or(v.state = 'credited') as credited
            from mpp.validation v
            join mpp.edition_challenge c on c.id = v.challenge_id and c.kind = 'collective'
            where v.edition_id = e.id and v.state <> 'cancelled'
            group by v.team_id, v.challenge_id, c.quorum
        ) q
        where (q.doers >= q.quorum and q.waiting) or (q.doers < q.quorum and q.credited);

        return query
        select e.code, null::text, v.id, 'a validation of nobody, or of nothing', null::bigint, null::bigint
        from mpp.validation v
        -- By their keys alone: the planner would expect few rows of the edition, and compare each with all the others.
        left join mpp.player p on p.id = v.player_id
        left join mpp.team t on t.id = v.team_id
        left join mpp.edition_challenge c on c.id = v.challenge_id
        where v.edition_id = e.id
            and (p.edition_id, t.edition_id, t.league_id, c.edition_id)
                is distinct from (v.edition_id, v.edition_id, v.league_id, v.edition_id);

        return query
        select e.code, c.scope::text, null::uuid, format('sum of the values from %s on', c.bucket << 6), n.subjects, c.subjects::bigint
        from mpp.score_count c
        cross join lateral (select sum(u.n) as subjects from unnest(c.counts) u (n)) n
        where c.edition_id = e.id and n.subjects is distinct from c.subjects;

        if e.frozen_at is null then
            return query
            with counted as (
                select m.scope, m.value, m.subjects from mpp.value_count m where m.edition_id = e.id
            ), standing as (
                select j.scope, s.value, count(*) as subjects
                from mpp.score s
                cross join lateral (values (s.scope::text), (s.level::text)) j (scope)
                where s.edition_id = e.id and s.listed and j.scope is not null
                group by j.scope, s.value
            )
            select e.code, coalesce(c.scope, s.scope)::text, null::uuid, format('count at value %s', coalesce(c.value, s.value)),
                coalesce(s.subjects, 0)::bigint, coalesce(c.subjects, 0)::bigint
            from counted c
            full join standing s on s.scope = c.scope and s.value = c.value
            where coalesce(c.subjects, 0) <> coalesce(s.subjects, 0);
        elsif e.seal <> private.seal_of(e.id) then
            return query select e.code, null::text, null::uuid, 'the seal of the frozen ranking is broken', null::bigint, null::bigint;
        end if;
    end loop;
end
$$;
grant execute on function private.verify_scores to authenticated, service_role;

create function api.verify_scores(edition_code text default null) returns setof api.score_fault
    language sql stable set search_path = pg_catalog, pg_temp set statement_timeout = '10min'
begin atomic select * from private.verify_scores(edition_code); end;
comment on function api.verify_scores is 'Compares every score, count and seal with the ledger, for one edition or all; no row means that all is right. Staff. Errors: MP006, MP020.';
grant execute on function api.verify_scores to authenticated, service_role;
