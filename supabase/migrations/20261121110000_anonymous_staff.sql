-- An anonymous account that a mistake put on a client's staff reads nothing.

create or replace function private.my_client_ids(at_least api.staff_role default 'viewer') returns setof integer
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
begin
    return query
    select s.organisation_id
    from mpp.staff s
    where s.account_id = (select auth.uid())
        -- A dashboard's login could write any claims into its own connection.
        and private.request_role() = 'authenticated'
        and s.role >= at_least
        and now() >= s.access_from
        and now() < s.access_until
        -- An anonymous account works for nobody, also where a row says that it does.
        and not exists (select from auth.users u where u.id = s.account_id and (u.banned_until > now() or u.is_anonymous))
    union
    select d.organisation_id
    from mpp.dashboard d
    where d.role_name = session_user and private.request_role() = session_user and at_least = 'viewer'
    union
    select o.id from mpp.organisation o where private.is_ops();
end
$$;

create or replace function private.my_organisation_ids() returns setof integer
    language plpgsql
    stable
    security definer
    rows 5
    set search_path = ''
as $$
begin
    return query
    select s.organisation_id
    from mpp.staff s
    where s.account_id = (select auth.uid())
        and private.request_role() = 'authenticated'
        and not exists (select from auth.users u where u.id = s.account_id and (u.banned_until > now() or u.is_anonymous))
    union
    select c.id from private.my_client_ids() c (id);
end
$$;
