-- The territory of a client: the schools that it follows. Only the association sets it.

-- The kinds of clients that follow classes: those that answer for schools.
create function private.may_follow(kind api.organisation_kind) returns boolean
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select kind in ('local_authority', 'public_administration', 'school_network') $$;

-- Only the association sets a territory, because access to figures of classes rests on it.
create type api.territory_change as enum ('replace', 'add', 'remove');

create function private.set_territory(organisation_id integer, codes jsonb, change api.territory_change) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    named jsonb;
    wrong text;
    kind api.organisation_kind;
begin
    perform private.require_ops();
    perform private.require_client(organisation_id);
    if jsonb_typeof(codes) is distinct from 'object' then
        perform private.refuse('MP010', 'codes', 'it is not an object', 'Send {"commune": […], "postcode": […], "department": […], "rne": […]}.');
    end if;
    if change is null then
        perform private.refuse('MP010', 'change', 'it is empty', 'Use replace, add or remove.');
    end if;
    -- Of two changes at once the second sees the first.
    select o.kind into kind from mpp.organisation o where o.id = set_territory.organisation_id for no key update;
    select jsonb_agg(jsonb_build_object('kind', k.key, 'code', v.value)) into named
    from jsonb_each(codes) k
    cross join lateral jsonb_array_elements_text(case jsonb_typeof(k.value) when 'array' then k.value else jsonb_build_array(k.value) end) v;
    select string_agg(format('%s %s', c.kind, coalesce(left(c.code, 20), 'null')), ', ') into wrong
    from (
        select n.value ->> 'kind' as kind, n.value ->> 'code' as code
        from jsonb_array_elements(named) n
        where not private.is_territory_code(n.value ->> 'kind', n.value ->> 'code')
        limit 10
    ) c;
    if wrong is not null then
        perform private.refuse('MP010', 'codes', wrong,
            'Use INSEE codes of communes such as 35047, postcodes such as 69003, departments such as 69 or 2A, and RNE codes of which each exists.');
    end if;
    if named is not null and change <> 'remove' and not private.may_follow(kind) then
        perform private.refuse('MP010', 'codes', format('a client of kind %s follows no schools', kind),
            'A local authority, a public administration or a network of schools does: correct its kind first.');
    end if;
    delete from mpp.territory t
    where t.organisation_id = set_territory.organisation_id
        and (
            change = 'replace'
            or change = 'remove' and exists (
                select
                from jsonb_array_elements(named) n
                where n.value ->> 'kind' = t.kind::text and n.value ->> 'code' = t.code
            )
        );
    if change <> 'remove' then
        insert into mpp.territory (organisation_id, kind, code)
        select distinct set_territory.organisation_id, (n.value ->> 'kind')::api.territory_kind, n.value ->> 'code'
        from jsonb_array_elements(named) n
        on conflict do nothing;
    end if;
    perform private.record_act('territory.' || case change when 'replace' then 'set' else change::text end,
        set_territory.organisation_id::text, codes);
    return (select count(*) from mpp.territory t where t.organisation_id = set_territory.organisation_id);
end
$$;
grant execute on function private.set_territory to authenticated, service_role;

create function api.set_territory(organisation_id integer, codes jsonb, change api.territory_change default 'replace') returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_territory(organisation_id, codes, change); end;
comment on function api.set_territory is 'Sets the territory of a client, which schools it follows: {"commune": […], "postcode": […], "department": […], "rne": […]}. The codes replace those that are there, are added or are removed. Returns how many codes there are now. For local authorities, public administrations and networks of schools. Staff of the association. Errors: MP006, MP010, MP090.';
grant execute on function api.set_territory to authenticated, service_role;

create type api.territory_match as (kind api.territory_kind, code text, schools integer, communes text[], missed text[]);
comment on type api.territory_match is 'A code of a territory and how many schools that are not hidden have it. For a postcode also the INSEE codes of its communes, and the schools there that it misses: those with a postcode of their own (CEDEX), which nothing else in the territory names.';

create function private.territory_schools(organisation_id integer) returns setof api.territory_match
    language plpgsql stable security definer rows 20 set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_ops();
    perform private.require_client(organisation_id);
    return query
    with school as materialized (
        select h.rne, h.name, h.postcode, h.city, h.commune, private.whole_commune(h.commune) as whole, h.department,
            h.levels && array['maternelle', 'elementaire']::mpp.school_level[] as is_first,
            -- Where the directory states no commune, the name of the town has to do.
            coalesce(h.commune, h.department || ' ' || private.searchable(h.city)) as town
        from mpp.school h
        where h.country = 'FR' and not h.is_hidden
    ), code as materialized (
        select t.kind, t.code from mpp.territory t where t.organisation_id = territory_schools.organisation_id
    ), place as (
        -- One pass over the schools, however many codes there are.
        select 'postcode' as kind, s.postcode as code, count(*) as schools from school s group by s.postcode
        union all
        select 'department', s.department, count(*) from school s group by s.department
        union all
        select 'commune', x.code, count(*)
        from school s
        cross join lateral (select s.commune union select s.whole) x (code)
        where x.code is not null
        group by x.code
        union all
        select 'rne', s.rne, 1 from school s where s.rne in (select c.code from code c where c.kind = 'rne')
    ), town as materialized (
        -- The towns of the postcodes that the client follows.
        select distinct c.code, s.town, s.commune from code c join school s on s.postcode = c.code where c.kind = 'postcode'
    ), beside as (
        select w.code, array_agg(format('%s %s (%s %s)', s.rne, s.name, s.postcode, s.city) order by s.city, s.name, s.rne) as schools
        from town w
        join school s on s.town = w.town and s.postcode <> w.code
        where not exists (
                select
                from code c
                where case c.kind when 'postcode' then s.postcode = c.code when 'department' then s.department = c.code
                    when 'commune' then c.code in (s.commune, s.whole) else s.rne = c.code end
            )
            -- A CEDEX postcode belongs to those who get many letters: seldom to schools for small children.
            and (s.town, s.postcode) in (
                select o.town, o.postcode from school o group by o.town, o.postcode having 2 * count(*) filter (where o.is_first) <= count(*)
            )
        group by w.code
    )
    select c.kind, c.code, coalesce(x.schools, 0)::integer,
        coalesce((
            select array_agg(distinct w.commune order by w.commune)
            from town w where c.kind = 'postcode' and w.code = c.code and w.commune is not null
        ), '{}'),
        coalesce(b.schools, '{}')
    from code c
    left join place x on x.kind = c.kind::text and x.code = c.code
    left join beside b on c.kind = 'postcode' and b.code = c.code
    order by c.kind, c.code;
end
$$;
grant execute on function private.territory_schools to authenticated, service_role;

create function api.territory_schools(organisation_id integer) returns setof api.territory_match
    language sql stable rows 20 set search_path = pg_catalog, pg_temp
begin atomic select * from private.territory_schools(organisation_id); end;
comment on function api.territory_schools is 'Lists the codes that a client follows, how many schools match each, and which schools of its town a postcode misses. Staff of the association. Errors: MP006, MP090.';
grant execute on function api.territory_schools to authenticated, service_role;
