-- Finding a player, a league, a class or a school of an edition by name, among those who are listed there.

-- Whoever looks for a player types how the alias begins: a range of this index, however many players an edition has.
create index player_alias_begins on mpp.player (edition_id, private.folded(alias) text_pattern_ops)
    where alias is not null and listed;
-- Leagues and classes are found by any of their words: many begin with the same one.
create index league_words on mpp.league using gin (to_tsvector('simple', private.folded(name))) with (fastupdate = off);

-- The words of a search as a query of text search: each begins a word of the name. Null where there is none.
create function private.words_of(asked text) returns tsquery
    language sql immutable parallel safe strict set search_path = pg_catalog, pg_temp
as $$
    select to_tsquery('simple', string_agg(quote_literal(w.word) || ':*', ' & '))
    from (select distinct unnest(regexp_split_to_array(asked, '[^[:alnum:]\u0080-\U0010ffff]+')) as word) w
    where w.word <> ''
$$;

create function private.search_ranking(edition_id integer, scope text, query text, results integer) returns setof api.ranking_row
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
    set plan_cache_mode = 'force_generic_plan' set enable_seqscan = off
as $$
declare
    edition alias for edition_id;
    asked text;
    words tsquery;
begin
    if scope is null or scope not in ('player', 'league', 'class', 'school') then
        perform private.refuse('MP010', 'scope', coalesce(left(scope, 40), 'it is empty'), 'Use player, league, class or school.');
    elsif results is null or results not between 1 and 50 then
        perform private.refuse('MP010', 'results', coalesce(results::text, 'it is empty'), 'Ask for 1 to 50.');
    elsif octet_length(query) > 400 then
        perform private.refuse('MP010', 'query', 'it is too long', 'Type how the name begins.');
    end if;
    asked := coalesce(private.folded(private.trimmed(query)), '');
    words := private.words_of(asked);
    if char_length(asked) < 2 or words is null then
        perform private.refuse('MP010', 'query', 'it has fewer than two letters', 'Type how the name begins.');
    end if;
    if not private.may_read_ranking(edition) then
        return;
    end if;
    if scope = 'school' then
        -- There are few enough to look at each.
        return query
        select h.rank, null::bigint, h.subject_id, h.label::text, null::text, null::text, h.subject_id, h.label::text, h.city::text, h.country::text, h.classes,
            h.points, h.players, h.points_per_player, h.value, h.tie_order
        from api.school_ranking h
        where h.edition_id = edition
            and h.level is null
            and to_tsvector('simple', private.folded(h.label || ' ' || h.city)) @@ words
        order by h.value desc, h.tie_order, h.subject_id
        limit results;
        return;
    end if;
    return query
    select private.rank_of(edition, s.scope, s.value), case when search_ranking.scope = 'class' then private.rank_of(edition, s.level::text, s.value) end,
        s.subject_id, s.label, s.league_label, s.level::text, s.school_id, h.name::text, h.city::text, h.country::text, null::bigint,
        s.points::bigint, s.players::bigint, round(s.points::numeric / greatest(s.players, 1), 2), s.value::bigint, s.tie_order
    from (
        select x.*
        from (
            (
                -- Of more than these, the first by name: whoever looks for another types one letter more.
                select p.id
                from mpp.player p
                where search_ranking.scope = 'player'
                    and p.edition_id = edition
                    and p.alias is not null
                    and p.listed
                    and private.folded(p.alias) ~>=~ asked
                    and private.folded(p.alias) ~<~ (asked || U&'\+10FFFF')
                order by private.folded(p.alias) using ~<~
                limit 1000
            )
            union all
            select l.id
            from mpp.league l
            where search_ranking.scope <> 'player'
                and l.edition_id = edition
                and l.listed
                and (l.school_id is not null) = (search_ranking.scope = 'class')
                and to_tsvector('simple', private.folded(l.name)) @@ words
        ) found (id)
        join mpp.score x on x.subject_id = found.id and x.listed
        -- What is shown is what was found: in a frozen edition a name stays that changed since.
        where case when x.scope = 'player' then starts_with(private.folded(x.label), asked)
            else to_tsvector('simple', private.folded(x.label)) @@ words end
        order by x.value desc, x.tie_order, x.subject_id
        limit results
    ) s
    left join mpp.school h on h.id = s.school_id
    order by s.value desc, s.tie_order, s.subject_id;
end
$$;
grant execute on function private.search_ranking to anon, authenticated, service_role;

create function api.search_ranking(edition_id integer, scope text, query text, results integer default 20) returns setof api.ranking_row
    language sql stable rows 20 set search_path = pg_catalog, pg_temp set statement_timeout = '2s'
begin atomic select * from private.search_ranking(edition_id, scope, query, results); end;
comment on function api.search_ranking is 'Finds listed players by how their alias begins, and leagues, classes and schools by how their words begin, accents or not; the highest first, of a thousand players at most. Two letters at least. Call it with GET. Errors: MP010.';
grant execute on function api.search_ranking to anon, authenticated, service_role;
