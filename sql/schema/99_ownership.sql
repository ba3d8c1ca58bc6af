-- What holds for everything before, so this file comes last: owners, forced row-level security, statistics, and what
-- PostgREST runs before a request.

-- Every table and view belongs to mpp_owner, and row-level security binds the owner too. The functions stay with the role
-- that deploys, so a security definer function reads what its caller may not.
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

-- A request may ask PostgREST for the planner's estimate of a count, and row-level security does not hide an estimate.
-- Without statistics on private columns the estimate is the same whatever value is asked for. Ranks and lists do not
-- need these statistics: every query of the game reaches these tables by a key.
do $$
declare
    private_column record;
begin
    for private_column in
        select a.attrelid::regclass as relation, a.attname as name
        from pg_catalog.pg_attribute a
        where a.attnum > 0
            and not a.attisdropped
            and (
                a.attrelid in (
                    'mpp.profile'::regclass, 'mpp.consent'::regclass, 'mpp.player'::regclass, 'mpp.player_contact'::regclass,
                    'mpp.league'::regclass, 'mpp.team'::regclass, 'mpp.ambassador'::regclass, 'mpp.join_code'::regclass,
                    'mpp.conduct_report'::regclass, 'mpp.validation'::regclass, 'mpp.unlock'::regclass,
                    'mpp.unlock_guess'::regclass, 'mpp.teacher'::regclass,
                    'mpp.family'::regclass, 'mpp.class_challenge'::regclass, 'mpp.class_code'::regclass,
                    'mpp.class_guess'::regclass, 'mpp.class_invitation'::regclass, 'mpp.class_request'::regclass,
                    'mpp.organisation'::regclass, 'mpp.staff'::regclass, 'mpp.staff_invitation'::regclass, 'mpp.unit'::regclass,
                    'mpp.participation'::regclass, 'mpp.territory'::regclass, 'mpp.dashboard'::regclass, 'mpp.participant'::regclass,
                    'mpp.task'::regclass, 'mpp.client_map_cell'::regclass, 'mpp.award'::regclass, 'mpp.contact_request'::regclass, 'mpp.outbox'::regclass,
                    'mpp.newsletter'::regclass, 'mpp.unsubscribe_token'::regclass, 'mpp.mail_suppression'::regclass,
                    'mpp.mail_bounce'::regclass, 'mpp.name_change'::regclass,
                    'mpp.partner'::regclass, 'mpp.campaign'::regclass, 'mpp.campaign_text'::regclass, 'mpp.campaign_code'::regclass,
                    'mpp.campaign_guest'::regclass, 'mpp.partner_export'::regclass, 'mpp.partner_address'::regclass,
                    'mpp.partner_withdrawal'::regclass, 'mpp.guardian_request'::regclass, 'mpp.guardian_consent'::regclass,
                    'mpp.setting'::regclass, 'mpp.picture'::regclass, 'mpp.photo'::regclass, 'mpp.photo_removal'::regclass, 'mpp.photo_text'::regclass, 'mpp.ops_member'::regclass, 'mpp.account_proof'::regclass, 'mpp.privacy_request'::regclass, 'mpp.file_removal'::regclass, 'mpp.audit'::regclass,
                    'mpp.theme'::regclass, 'mpp.challenge'::regclass, 'mpp.edition_challenge'::regclass, 'mpp.edition'::regclass
                )
                or (a.attrelid = 'mpp.score'::regclass and a.attname not in ('edition_id', 'scope'))
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter table %s alter column %I set statistics 0', private_column.relation, private_column.name);
    end loop;
    -- An index on an expression gathers statistics of its own.
    for private_column in
        select a.attrelid::regclass as relation, a.attnum as name
        from pg_catalog.pg_index i
        join pg_catalog.pg_attribute a on a.attrelid = i.indexrelid
        where i.indexprs is not null
            and i.indkey[a.attnum - 1] = 0
            and i.indrelid in (
                'mpp.league'::regclass, 'mpp.team'::regclass, 'mpp.player'::regclass, 'mpp.unit'::regclass, 'mpp.outbox'::regclass,
                'mpp.campaign_code'::regclass, 'mpp.guardian_request'::regclass, 'mpp.profile'::regclass
            )
        order by a.attrelid, a.attnum
    loop
        execute format('alter index %s alter column %s set statistics 0', private_column.relation, private_column.name);
    end loop;
end
$$;

-- Views are read, not written. Postgres finds out that it cannot write to a view that joins before it asks who may, and
-- PostgREST passes that on as a fault of its own (500). So this refuses a write to anything but a function before: 401
-- or 403. A trigger on each view would refuse too, but then generated types would say that apps may write. For the same
-- reason every view joins something, if only nothing: `cross join (select) read_only`, which the planner takes away.
--
-- A function that writes is called by POST. Postgres lets it start in the read-only transaction of a GET, up to its first
-- write: until there its answer would tell whether a code is known, and no limit on guesses would count the question. So
-- this refuses the call before the function starts, with the error it would end in (405). A name that is not found, in
-- whatever way the address writes it, is refused too.
create function request.refuse_writes() returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    by_reading constant boolean := current_setting('request.method', true) in ('GET', 'HEAD');
    path constant text := current_setting('request.path', true);
begin
    if path like '/rpc/%' then
        if by_reading and not exists (
            select from pg_proc p
            where p.proname = substr(path, length('/rpc/') + 1)
                and p.pronamespace = 'api'::regnamespace
                and p.provolatile <> 'v'
        ) then
            raise exception using errcode = 'read_only_sql_transaction', message = 'This function writes.',
                hint = 'Call it by POST.';
        end if;
    elsif not by_reading then
        raise exception using errcode = 'insufficient_privilege', message = 'Views are read, not written.',
            hint = 'Call the function of the API that does it.';
    end if;
end
$$;
comment on function request.refuse_writes is 'PostgREST runs this before each request, as the caller.';
grant execute on function request.refuse_writes to anon, authenticated, service_role;

alter role authenticator set pgrst.db_pre_request = 'request.refuse_writes';

-- The sender of a request learns what is wrong with it, and no log keeps it: with an error Postgres logs the place
-- where it stumbled, `"first_name":"Lina\u0000…` or `invalid input syntax for type uuid: "Lina"`. Deadlocks and slow
-- statements are still logged.
alter role authenticator set log_min_messages = 'log';

notify pgrst, 'reload config';

-- The default privileges revoked this for functions that this role made; this line does so for those of another role.
revoke execute on all functions in schema mpp, private, api, request from public;
