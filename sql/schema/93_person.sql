-- How the staff get from what they were told, an alias, an address, a report, to the person, and back. Who looks says
-- why, and the audit keeps every look.

-- Names are found by how they begin, whatever their case and accents. Counts of these indexes are not kept
-- (99_ownership).
create index profile_alias on mpp.profile (private.folded(alias) text_pattern_ops) where alias is not null;
create index profile_last_name on mpp.profile (private.folded(last_name) text_pattern_ops);
create index player_alias on mpp.player (private.folded(alias) text_pattern_ops) where account_id is not null;

create type api.person as (
    account_id uuid,
    found_as text,
    email text,
    first_name text,
    last_name text,
    alias text,
    language text,
    is_minor boolean,
    is_disabled boolean,
    created_at timestamptz,
    open_reports integer,
    clients text[],
    places jsonb
);
comment on type api.person is 'An account and the person behind it. found_as is what they are in what was asked for: player, ambassador, teacher, reported, reporter. clients are the codes of those that they work for. places are their players and the leagues and classes that they run, the latest edition first, a hundred at most: [{"edition", "league_id", "league", "team", "player_id", "alias", "role", "listed", "points"}]; league is null once they have left.';

-- A typed name as the indexes have it; or the refusal that names the field.
create function private.sought(field text, value text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := private.folded(private.clean_line(field, value, 120));
begin
    if char_length(typed) < 2 then
        perform private.refuse('MP010', field, 'it is too short', 'Give two characters at least.');
    end if;
    return typed;
end
$$;

create function private.people_called(typed_alias text, how_many integer) returns setof uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := private.sought('alias', typed_alias);
    beyond text := typed || chr(1114111);
begin
    return query
    select a.id
    from (
        (
            select p.id
            from mpp.profile p
            where p.alias is not null and private.folded(p.alias) ~>=~ typed and private.folded(p.alias) ~<~ beyond
            order by private.folded(p.alias) using ~<~, p.id
            limit how_many
        )
        union
        -- As a frozen edition shows them.
        (
            select p.account_id
            from mpp.player p
            where p.account_id is not null and private.folded(p.alias) ~>=~ typed and private.folded(p.alias) ~<~ beyond
            order by private.folded(p.alias) using ~<~, p.id
            limit how_many
        )
        union
        -- And as they were called before the staff took the name away.
        select n.account_id
        from mpp.name_change n
        where n.account_id is not null and private.folded(n.old_name) ~>=~ typed and private.folded(n.old_name) ~<~ beyond
    ) a (id);
end
$$;

-- By the beginning of a surname, and any other words of the name.
create function private.people_named(typed_name text, how_many integer) returns setof uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    words text[] := regexp_split_to_array(private.sought('name', typed_name), '[ ’''-]+');
begin
    return query
    select distinct p.id
    from unnest(words) w (word)
    join mpp.profile p on private.folded(p.last_name) ~>=~ w.word and private.folded(p.last_name) ~<~ (w.word || chr(1114111))
    where char_length(w.word) >= 2
        and not exists (
            select
            from unnest(words) o (word)
            where strpos(' ' || translate(private.folded(p.first_name || ' ' || p.last_name), '’''-', '   '), ' ' || o.word) = 0
        )
    limit how_many;
end
$$;

-- A league or a class by its id, its code, or its whole name.
create function private.leagues_meant(typed_league text) returns setof uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text := private.sought('league', typed_league);
    typed_code text := translate(upper(regexp_replace(left(typed_league, 40), '[\s-]', '', 'g')), 'OIL', '011');
begin
    if typed ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return next typed::uuid;
        return;
    end if;
    return query
    select c.league_id from mpp.join_code c where c.code = typed_code
    union
    select c.league_id from mpp.class_code c where c.code = typed_code
    union
    select l.id from mpp.league l where lower(l.name) = lower(private.trimmed(typed_league)) or private.folded(l.name) = typed;
end
$$;

create function private.find_people(
    alias text, address text, name text, league text, player_id uuid, account_id uuid, report_id bigint, mail_key text,
    reason text, how_many integer
) returns setof api.person
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
    asked jsonb;
    found jsonb;
begin
    perform private.require_ops();
    why := private.clean_line('reason', find_people.reason, 300);
    if num_nonnulls(alias, address, name, league, player_id, account_id, report_id, mail_key) <> 1 then
        perform private.refuse('MP010', 'alias', 'give one thing to look for', 'Give an alias, an address, a name, a league, a player, an account, a report or a mail.');
    end if;
    if how_many is null or how_many not between 1 and 50 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 50.');
    end if;
    -- {account: what they are in what was asked}
    select jsonb_object_agg(a.id, a.found_as) into found
    from (
        select x.id, min(x.found_as) as found_as
        from (
            select p.id, null::text as found_as
            from private.people_called(find_people.alias, how_many) p (id)
            where find_people.alias is not null
            union all
            select u.id, null::text from auth.users u where u.email = lower(private.trimmed(left(find_people.address, 300)))
            union all
            select p.id, null::text
            from private.people_named(find_people.name, how_many) p (id)
            where find_people.name is not null
            union all
            select r.account_id, r.role
            from private.leagues_meant(find_people.league) l (id)
            cross join lateral (
                select b.account_id, case when b.player_id is null then 'teacher' else 'ambassador' end as role
                from mpp.ambassador b
                where b.league_id = l.id
                union all
                select p.account_id, 'player' from mpp.player p where p.league_id = l.id
            ) r
            where find_people.league is not null
            union all
            select p.account_id, null::text from mpp.player p where p.id = find_people.player_id
            union all
            select u.id, null::text from auth.users u where u.id = find_people.account_id
            union all
            select a.id, a.found_as
            from mpp.conduct_report r
            cross join lateral (values (r.account_id, 'reported'), (r.reported_by, 'reporter')) a (id, found_as)
            where r.id = find_people.report_id
            union all
            select coalesce(m.account_id, u.id), null::text
            from mpp.outbox m
            left join auth.users u on u.email = m.address
            where m.key = find_people.mail_key
        ) x
        where x.id is not null
        group by x.id
        order by min(x.found_as), x.id
        limit how_many
    ) a;
    -- The audit is for good. So of a name or an address it keeps a digest, by which one can prove what was asked, and
    -- the accounts that were shown. Ids stand as they are.
    select jsonb_build_object('by', k.key)
        || case when k.key in ('alias', 'address', 'name')
            then jsonb_build_object('asked_sha256', encode(sha256(convert_to(private.folded(private.trimmed(k.value)), 'UTF8')), 'hex'))
            else jsonb_build_object('asked', left(k.value, 200)) end
    into asked
    from jsonb_each_text(jsonb_build_object(
        'alias', find_people.alias, 'address', find_people.address, 'name', find_people.name, 'league', find_people.league,
        'player', find_people.player_id, 'account', find_people.account_id, 'report', find_people.report_id, 'mail', find_people.mail_key)) k
    where k.value is not null;
    perform private.record_act('person.show', null, asked || jsonb_build_object(
        'reason', why,
        'shown', (select count(*) from jsonb_object_keys(coalesce(found, '{}'))),
        'accounts', coalesce((select jsonb_agg(f.key) from jsonb_object_keys(found) f (key)), '[]')));
    return query
    select u.id, found ->> u.id::text, u.email::text, f.first_name::text, f.last_name::text, f.alias::text, f.language,
        private.is_under(u.id, 18), not private.is_live(u), u.created_at,
        (select count(*)::integer from mpp.conduct_report r where r.account_id = u.id and r.resolved_at is null),
        array(
            select o.code from mpp.staff s join mpp.organisation o on o.id = s.organisation_id where s.account_id = u.id order by o.code
        ),
        private.places_of(u.id)
    from jsonb_object_keys(found) a (id)
    join auth.users u on u.id = a.id::uuid
    left join mpp.profile f on f.id = u.id
    order by found ->> u.id::text, f.alias, u.email, u.id;
end
$$;
grant execute on function private.find_people to authenticated, service_role;

-- Where somebody plays, and what they run.
create function private.places_of(account uuid) returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((
        select jsonb_agg(jsonb_build_object(
            'edition', x.edition, 'league_id', x.league_id, 'league', x.league, 'team', x.team, 'player_id', x.player_id,
            'alias', x.alias, 'role', x.role, 'listed', x.listed, 'points', x.points
        ) order by x.starts_at desc, x.edition, x.league)
        from (
            select e.code as edition, e.starts_at, l.id as league_id, l.name as league, t.name as team, p.id as player_id, p.alias,
                case when b.is_principal then 'ambassador' when b.league_id is not null then 'co-ambassador'
                    when p.league_id is null then 'left' else 'player' end as role,
                p.listed, s.points
            from mpp.player p
            join mpp.edition e on e.id = p.edition_id
            left join mpp.league l on l.id = p.league_id
            left join mpp.team t on t.id = p.team_id
            left join mpp.ambassador b on b.league_id = p.league_id and b.account_id = p.account_id
            left join mpp.score s on s.subject_id = p.id
            where p.account_id = account
            union all
            select e.code, e.starts_at, l.id, l.name, null, null, null, 'teacher', l.listed, s.points
            from mpp.ambassador b
            join mpp.league l on l.id = b.league_id and l.school_id is not null
            join mpp.edition e on e.id = l.edition_id
            left join mpp.score s on s.subject_id = l.id
            where b.account_id = account
            order by starts_at desc, edition, league
            limit 100
        ) x
    ), '[]');
end
$$;

create function api.find_people(
    reason text, alias text default null, address text default null, name text default null, league text default null,
    player_id uuid default null, account_id uuid default null, report_id bigint default null, mail_key text default null,
    how_many integer default 10
) returns setof api.person
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select * from private.find_people(alias, address, name, league, player_id, account_id, report_id, mail_key, reason, how_many);
end;
comment on function api.find_people is 'Finds people by one of these: the beginning of an alias, present or taken away; an address; the beginning of a surname, with other words of the name if need be; a league or class (id, code or name), with all who play in it or run it; a player; an account; a report of conduct; a mail. Returns fifty at most, each with address and surname, and nothing of pupils, who have none. The audit keeps each look: who looked, for what and why, whom it showed. Staff. Errors: MP006, MP010.';
grant execute on function api.find_people to authenticated, service_role;
