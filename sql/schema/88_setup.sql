-- Sets up an edition from one document: {"edition": {…}, "rules": {…}, "themes": [{code, title}], "curriculum": [{code,
-- title}], "challenges": [{…}]}. mpp edition apply checks a file of catalogue/ and turns it into that JSON. The
-- document is applied whole or not at all; applying it again changes nothing.

create type api.edition_change as (action text, path text, before jsonb, after jsonb);
comment on type api.edition_change is 'One difference. action is add, change or remove; path is edition, rules, themes.<code> or challenges.<code>, with the field that changes.';

-- What turns one object into another, field by field.
create function private.differences(path text, before jsonb, after jsonb) returns setof api.edition_change
    language sql immutable set search_path = pg_catalog, pg_temp
as $$
    select
        case
            when before is null then 'add'
            when after is null then 'remove'
            else 'change'
        end,
        case when before is null or after is null then path else path || '.' || d.key end,
        case when before is null then null when after is null then before else d.was end,
        case when after is null then null when before is null then after else d.becomes end
    from (
        select distinct on (case when before is null or after is null then '' else k.key end)
            k.key, before -> k.key as was, after -> k.key as becomes
        from jsonb_object_keys(coalesce(before, '{}') || coalesce(after, '{}')) k (key)
        where before is null or after is null or before -> k.key is distinct from after -> k.key
    ) d
$$;

-- The edition as it stands, in the shape of the document. Secrets are compared by digest and never come out.
create function private.edition_document(e mpp.edition) returns jsonb
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'edition', jsonb_build_object(
            'code', e.code,
            'audience', e.audience,
            'title', e.title,
            'time_zone', e.time_zone,
            'starts_at', e.starts_at,
            'ends_at', e.ends_at,
            'registration_closes_at', e.registration_closes_at,
            'organisation', (select o.code from mpp.organisation o where o.id = e.organisation_id)
        ),
        'rules', jsonb_build_object(
            'league_size_min', e.league_min_players,
            'league_size_max', e.league_max_players,
            'teams_per_league', e.teams_per_league,
            'ranking', e.ranking_basis,
            'unlock_guesses_per_hour', e.unlock_guesses_per_hour
        ),
        'challenges', coalesce((
            select jsonb_object_agg(k.code, jsonb_build_object(
                'kind', c.kind,
                'theme', k.theme,
                'points', c.points,
                'repeat', c.repeat_limit,
                'proof', c.needs_proof,
                'quorum', c.quorum,
                'factor', c.boost_factor,
                'opens_at', c.opens_at,
                'closes_at', c.closes_at,
                'secret', encode(c.secret_digest, 'hex'),
                'goals', k.goals,
                'levels', c.levels,
                'curriculum', k.curriculum,
                'title', k.title,
                'description', k.description
            ))
            from mpp.edition_challenge c
            join mpp.challenge k on k.id = c.challenge_id
            where c.edition_id = e.id
        ), '{}')
    )
$$;

-- The card of the catalogue that says what this one of a document says; a new row if there is none.
create function private.card_for(asked jsonb) returns integer
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    card mpp.challenge;
begin
    card.code := asked ->> 'code';
    card.theme := asked ->> 'theme';
    card.title := asked -> 'title';
    card.description := asked -> 'description';
    card.goals := array(select g::smallint from jsonb_array_elements_text(asked -> 'goals') g);
    card.curriculum := array(select g from jsonb_array_elements_text(coalesce(asked -> 'curriculum', '[]')) g);
    select k.id into card.id
    from mpp.challenge k
    where k.code = card.code
        and (k.theme, k.title::jsonb, k.description::jsonb, k.goals, k.curriculum)
            = (card.theme, card.title::jsonb, card.description::jsonb, card.goals, card.curriculum)
    order by k.id
    limit 1;
    if card.id is null then
        insert into mpp.challenge (code, theme, title, description, goals, curriculum)
        values (card.code, card.theme, card.title, card.description, card.goals, card.curriculum)
        returning id into card.id;
    end if;
    return card.id;
end
$$;

-- Every edition that uses a theme shows its name: the names of an edition that has opened stay.
create function private.check_theme_names(document jsonb, edition integer) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    taken text;
begin
    select format('the theme %s has another name in the edition %s, which has opened: keep that name or take another code', n.code, o.code)
    into taken
    from (
        select t ->> 'code' as code, t -> 'title' as name, false as is_curriculum
        from jsonb_array_elements(document -> 'themes') t
        union all
        select t ->> 'code', t -> 'title', true
        from jsonb_array_elements(coalesce(document -> 'curriculum', '[]')) t
    ) n
    join mpp.challenge k on case when n.is_curriculum then n.code = any (k.curriculum) else n.code = k.theme end
    join mpp.edition_challenge c on c.challenge_id = k.id
    join mpp.edition o on o.id = c.edition_id and o.opened_at is not null and o.id is distinct from edition
    where n.name is distinct from (
        case when n.is_curriculum
            then (select h.name::jsonb from mpp.curriculum_theme h where h.code = n.code)
            else (select h.name::jsonb from mpp.theme h where h.code = n.code) end)
    order by n.code, o.code
    limit 1;
    if taken is not null then
        perform private.refuse('MP027', taken);
    end if;
end
$$;

create function private.apply_edition(document jsonb, dry_run boolean) returns setof api.edition_change
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
    head jsonb := document -> 'edition';
    rules jsonb := document -> 'rules';
    edition_code text := document #>> '{edition,code}';
    was jsonb;
    becomes jsonb;
    changes api.edition_change[];
    organisation integer;
    cards jsonb;
    message text;
begin
    perform private.require_ops();
    if edition_code is null or jsonb_typeof(document -> 'challenges') is distinct from 'array'
        or jsonb_typeof(document -> 'themes') is distinct from 'array'
        or jsonb_typeof(coalesce(document -> 'curriculum', '[]')) <> 'array' then
        perform private.refuse('MP027', 'the document needs edition.code, themes and challenges');
    end if;
    select x.code into message
    from (
        select t ->> 'code' as code, 'theme' as list from jsonb_array_elements(document -> 'themes') t
        union all
        select c ->> 'code', 'challenge' from jsonb_array_elements(document -> 'challenges') c
        union all
        select t ->> 'code', 'curriculum' from jsonb_array_elements(coalesce(document -> 'curriculum', '[]')) t
    ) x
    group by x.list, x.code
    having count(*) > 1
    limit 1;
    if message is not null then
        perform private.refuse('MP027', format('the code %s comes twice', message));
    end if;
    -- Two people who apply files at once take turns: all editions share cards and themes.
    perform pg_advisory_xact_lock(hashtext('mpp.catalogue'), 0);
    select * into e from mpp.edition x where x.code = edition_code;
    if e.id is not null then
        perform private.lock_edition(e.id, alone => true);
        select * into e from mpp.edition x where x.id = e.id;
        was := private.edition_document(e);
    end if;

    begin
        if head ->> 'organisation' is not null then
            select o.id into organisation from mpp.organisation o where o.code = head ->> 'organisation';
            if organisation is null then
                perform private.refuse('MP027', format('organisation %s does not exist', head ->> 'organisation'));
            end if;
        end if;

        perform private.check_theme_names(document, e.id);
        changes := array(
            select d
            from (
                select t ->> 'code' as code, t -> 'title' as name
                from jsonb_array_elements(document -> 'themes') t
            ) n
            left join mpp.theme h on h.code = n.code
            cross join lateral private.differences('themes.' || n.code, to_jsonb(h) - 'code', jsonb_build_object('name', n.name)) d
            order by n.code, (d).path
        );
        insert into mpp.theme as h (code, name)
        select t ->> 'code', (t -> 'title')::mpp.translated
        from jsonb_array_elements(document -> 'themes') t
        on conflict on constraint theme_pkey do update set name = excluded.name
        where h.name <> excluded.name;

        changes := changes || array(
            select d
            from (
                select t ->> 'code' as code, t -> 'title' as name
                from jsonb_array_elements(coalesce(document -> 'curriculum', '[]')) t
            ) n
            left join mpp.curriculum_theme h on h.code = n.code
            cross join lateral private.differences('curriculum.' || n.code, to_jsonb(h) - 'code', jsonb_build_object('name', n.name)) d
            order by n.code, (d).path
        );
        insert into mpp.curriculum_theme as h (code, name)
        select t ->> 'code', (t -> 'title')::mpp.translated
        from jsonb_array_elements(coalesce(document -> 'curriculum', '[]')) t
        on conflict on constraint curriculum_theme_pkey do update set name = excluded.name
        where h.name <> excluded.name;
        select g.code into message
        from jsonb_array_elements(document -> 'challenges') c
        cross join lateral jsonb_array_elements_text(coalesce(c -> 'curriculum', '[]')) g (code)
        where not exists (select from mpp.curriculum_theme h where h.code = g.code)
        limit 1;
        if message is not null then
            perform private.refuse('MP027', format('the curriculum theme %s does not exist', message));
        end if;

        select l.level into message
        from jsonb_array_elements(document -> 'challenges') c
        cross join lateral jsonb_array_elements(coalesce(nullif(c -> 'levels', 'null'), '[]')) l (level)
        where l.level not in ('"maternelle"', '"elementaire"', '"college"', '"lycee"')
        limit 1;
        if message is not null then
            perform private.refuse('MP027', format('the level %s does not exist', message));
        end if;

        select jsonb_object_agg(c ->> 'code', private.card_for(c)) into cards
        from jsonb_array_elements(document -> 'challenges') c;

        if e.id is null then
            insert into mpp.edition (code, audience, title, organisation_id, time_zone, starts_at, ends_at,
                registration_closes_at, ranking_basis, league_min_players, league_max_players, teams_per_league,
                unlock_guesses_per_hour)
            values (
                edition_code, (head ->> 'audience')::api.audience, (head -> 'title')::mpp.translated, organisation,
                head ->> 'time_zone', (head ->> 'starts_at')::timestamptz, (head ->> 'ends_at')::timestamptz,
                (head ->> 'registration_closes_at')::timestamptz, (rules ->> 'ranking')::api.ranking_basis,
                (rules #>> '{league_size,min}')::smallint, (rules #>> '{league_size,max}')::smallint,
                (rules ->> 'teams_per_league')::smallint, (rules ->> 'unlock_guesses_per_hour')::smallint
            )
            returning * into e;
        else
            update mpp.edition x
            set audience = (head ->> 'audience')::api.audience,
                title = (head -> 'title')::mpp.translated,
                organisation_id = organisation,
                time_zone = head ->> 'time_zone',
                starts_at = (head ->> 'starts_at')::timestamptz,
                ends_at = (head ->> 'ends_at')::timestamptz,
                registration_closes_at = (head ->> 'registration_closes_at')::timestamptz,
                ranking_basis = (rules ->> 'ranking')::api.ranking_basis,
                league_min_players = (rules #>> '{league_size,min}')::smallint,
                league_max_players = (rules #>> '{league_size,max}')::smallint,
                teams_per_league = (rules ->> 'teams_per_league')::smallint,
                unlock_guesses_per_hour = (rules ->> 'unlock_guesses_per_hour')::smallint
            where x.id = e.id
            returning * into e;
        end if;

        -- Removals come first: a secret word may move from one challenge to another.
        delete from mpp.edition_challenge x
        using mpp.challenge k
        where x.edition_id = e.id
            and k.id = x.challenge_id
            and k.code not in (select c ->> 'code' from jsonb_array_elements(document -> 'challenges') c);

        with asked as (
            select
                c ->> 'code' as code,
                (cards ->> (c ->> 'code'))::integer as challenge_id,
                (c ->> 'kind')::api.challenge_kind as kind,
                (c ->> 'points')::smallint as points,
                (c ->> 'repeat')::smallint as repeat_limit,
                (c ->> 'quorum')::smallint as quorum,
                (c ->> 'factor')::smallint as boost_factor,
                coalesce((c ->> 'proof')::boolean, false) as needs_proof,
                (c #>> '{window,from}')::timestamptz as opens_at,
                (c #>> '{window,until}')::timestamptz as closes_at,
                case when c ->> 'secret' is not null then private.secret_digest(e.code, c ->> 'secret') end as secret_digest,
                case when jsonb_typeof(c -> 'levels') = 'array'
                    then private.levels_in_order(array(select jsonb_array_elements_text(c -> 'levels'))) end as levels
            from jsonb_array_elements(document -> 'challenges') c
        ), updated as (
            update mpp.edition_challenge x
            set challenge_id = a.challenge_id, kind = a.kind, points = a.points, repeat_limit = a.repeat_limit, quorum = a.quorum,
                boost_factor = a.boost_factor, needs_proof = a.needs_proof, opens_at = a.opens_at,
                closes_at = a.closes_at, secret_digest = a.secret_digest, levels = a.levels
            from asked a
            join mpp.challenge k on k.code = a.code
            where x.edition_id = e.id
                and x.challenge_id = k.id
                and (x.challenge_id, x.kind, x.points, x.repeat_limit, x.quorum, x.boost_factor, x.needs_proof, x.opens_at, x.closes_at, x.secret_digest, x.levels)
                    is distinct from
                    (a.challenge_id, a.kind, a.points, a.repeat_limit, a.quorum, a.boost_factor, a.needs_proof, a.opens_at, a.closes_at, a.secret_digest, a.levels)
        )
        insert into mpp.edition_challenge (edition_id, challenge_id, kind, points, repeat_limit, quorum, boost_factor,
            needs_proof, opens_at, closes_at, secret_digest, levels)
        select e.id, a.challenge_id, a.kind, a.points, a.repeat_limit, a.quorum, a.boost_factor, a.needs_proof, a.opens_at,
            a.closes_at, a.secret_digest, a.levels
        from asked a
        where not exists (
            select
            from mpp.edition_challenge x
            join mpp.challenge k on k.id = x.challenge_id
            where x.edition_id = e.id and k.code = a.code
        );
        -- Cards that no edition shows any more.
        delete from mpp.challenge k
        where (k.code in (select jsonb_object_keys(cards)) or was -> 'challenges' ? k.code)
            and not exists (select from mpp.edition_challenge x where x.challenge_id = k.id);
        if exists (
            select from mpp.edition_challenge x
            where x.edition_id = e.id and (x.opens_at < e.starts_at or x.closes_at > e.ends_at)
        ) then
            perform private.refuse('MP027', 'a window lies outside the edition');
        end if;
        if exists (select from mpp.edition_challenge x where x.edition_id = e.id and (x.levels is null) = (e.audience = 'school')) then
            perform private.refuse('MP027', 'the challenges of a school edition have levels, and only they');
        end if;
        -- An account finds a secret word, and pupils have none.
        if e.audience = 'school' and exists (select from mpp.edition_challenge x where x.edition_id = e.id and x.kind = 'hidden') then
            perform private.refuse('MP027', 'a school edition has no hidden challenge');
        end if;

        becomes := private.edition_document(e);
        changes := changes || array(
            select d from (
                select d, 1 as place from private.differences('edition', was -> 'edition', becomes -> 'edition') d
                union all
                select d, 2 from private.differences('rules', was -> 'rules', becomes -> 'rules') d
                union all
                select d, 3
                from (
                    select k.key from jsonb_object_keys(coalesce(was -> 'challenges', '{}') || (becomes -> 'challenges')) k (key)
                ) k
                cross join lateral private.differences(
                    'challenges.' || k.key, was #> array['challenges', k.key], becomes #> array['challenges', k.key]) d
            ) x
            order by x.place, (x.d).path
        );
        if cardinality(changes) > 0 and not dry_run then
            perform private.record_act('edition.apply', edition_code, jsonb_build_object('changes', cardinality(changes)));
        end if;
        if dry_run then
            raise exception using errcode = 'MPDRY', message = 'dry run';
        end if;
    exception
        when sqlstate 'MPDRY' then
            null;
        when invalid_text_representation or invalid_datetime_format or datetime_field_overflow or numeric_value_out_of_range
            or check_violation or not_null_violation or unique_violation or foreign_key_violation
            or invalid_parameter_value then
            get stacked diagnostics message = message_text;
            perform private.refuse('MP027', message);
    end;
    -- Of a secret, only that it changed.
    return query
    select c.action, c.path,
        case when c.path like '%.secret' then '"•••"' when jsonb_typeof(c.before) = 'object' then c.before - 'secret' else c.before end,
        case when c.path like '%.secret' then '"•••"' when jsonb_typeof(c.after) = 'object' then c.after - 'secret' else c.after end
    from unnest(changes) c;
end
$$;
grant execute on function private.apply_edition to authenticated, service_role;

create function api.apply_edition(document jsonb, dry_run boolean default false) returns setof api.edition_change
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.apply_edition(document, dry_run); end;
comment on function api.apply_edition is 'Makes an edition what a document says and returns the differences; with dry_run nothing is kept. Staff. Errors: MP006, MP024, MP025, MP027.';
grant execute on function api.apply_edition to authenticated, service_role;
