-- An empty search_path is searched for types in the caller's temporary schema first: a login of a dashboard, which speaks SQL,
-- could put a type called date there, whose check ran with the rights of our security definer functions.
do $$
declare
    routine regprocedure;
begin
    for routine in
        select p.oid::regprocedure
        from pg_catalog.pg_proc p
        where p.pronamespace in ('api'::regnamespace, 'private'::regnamespace) and p.proconfig @> array['search_path=""']
    loop
        execute pg_catalog.format('alter function %s set search_path = pg_catalog, pg_temp', routine);
    end loop;
    execute pg_catalog.format('revoke temporary on database %I from public', pg_catalog.current_database());
end
$$;
