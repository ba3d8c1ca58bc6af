-- Last: every table and view belongs to mpp_owner, and row-level security binds the owner too. The functions stay with
-- the role that deploys, which is what lets a security definer function read what its caller may not.
do $$
declare
    relation record;
begin
    for relation in
        select c.oid::regclass as name, c.relkind
        from pg_catalog.pg_class c
        where c.relnamespace in ('mpp'::regnamespace, 'api'::regnamespace)
            and c.relkind in ('r', 'p', 'v')
        order by c.oid
    loop
        if relation.relkind = 'v' then
            execute format('alter view %s owner to mpp_owner', relation.name);
        else
            execute format('alter table %s owner to mpp_owner', relation.name);
            execute format('alter table %s force row level security', relation.name);
        end if;
    end loop;
end
$$;
