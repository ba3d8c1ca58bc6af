-- How long personal data that is no longer needed is kept: addresses that were written to, invited or that wrote. Each
-- rule is a row, so this list is the one that docs/privacy.md shows. Addresses that unsubscribed are not on it: their
-- wish stays.

create type api.expired as (what text, kept interval, rows bigint);
comment on type api.expired is 'A rule of how long something is kept, and how many rows are past it.';

-- A bounded batch of each kind per call, its own transaction. A run that is cut off begins again, and nothing waits for
-- long.
create function private.purge_expired(how_many integer, dry_run boolean) returns setof api.expired
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    at timestamp := private.clock() at time zone 'Europe/Paris';
    before timestamptz;
    rule record;
    found api.expired;
    deleted bigint := 0;
    ended integer;
begin
    perform private.require_ops();
    if how_many is null or how_many not between 1 and 100000 then
        perform private.refuse('MP010', 'how_many', coalesce(how_many::text, 'it is empty'), 'Use 1 to 100000.');
    end if;
    for rule in
        select *
        from (
            values
                ('mails', 'mpp.outbox'::regclass, interval '1 year', $sql$
                    state in ('sent', 'dropped', 'failed') and coalesce(sent_at, queued_at) <= $1 $sql$),
                -- The last that is kept of an address whose account is gone.
                ('mails about an erasure', 'mpp.outbox', interval '30 days', $sql$
                    template = 'account_erased' and state in ('sent', 'dropped', 'failed') and coalesce(sent_at, queued_at) <= $1 $sql$),
                ('requests about one''s own data', 'mpp.privacy_request', interval '3 years', $sql$
                    handled_at <= $1 $sql$),
                -- An account keeps its links as long as it lives.
                ('unsubscribe links of addresses without account', 'mpp.unsubscribe_token', interval '3 years', $sql$
                    account_id is null and made_at <= $1 $sql$),
                ('names that were taken away', 'mpp.name_change', interval '3 years', $sql$
                    changed_at <= $1 $sql$),
                ('bounces', 'mpp.mail_bounce', interval '3 years', $sql$
                    bounced_at <= $1 $sql$),
                ('invitations of staff', 'mpp.staff_invitation', interval '30 days', $sql$
                    coalesce(accepted_at, expires_at) <= $1 $sql$),
                ('invited participants', 'mpp.participant', interval '90 days', $sql$
                    participation_id in (
                        select p.id
                        from mpp.participation p
                        join mpp.edition e on e.id = p.edition_id
                        where e.ends_at <= $1
                    ) $sql$),
                ('questions to guardians', 'mpp.guardian_request', interval '30 days', $sql$
                    case
                        when decided_at is null then expires_at <= $1
                        when not granted or ended_at is not null then greatest(decided_at, ended_at) <= $1
                        else exists (
                            select
                            from mpp.profile p
                            where p.id = account_id
                                and private.age_on(p.birth_date, p.birth_date_before, ($1 at time zone 'Europe/Paris')::date) >= private.consent_age(p.country)
                        )
                    end $sql$),
                ('held contact requests', 'mpp.contact_request', interval '30 days', $sql$
                    is_held and state in ('new', 'spam') and greatest(received_at, handled_at) <= $1 $sql$),
                -- Three years after the last word, as for anybody who once asked for an offer.
                ('contact requests', 'mpp.contact_request', interval '3 years', $sql$
                    greatest(received_at, handled_at, removed_at) <= $1 $sql$)
        ) r (what, relation, kept, condition)
    loop
        before := (at - rule.kept) at time zone 'Europe/Paris';
        if dry_run then
            execute format('select count(*) from %s where %s', rule.relation, rule.condition)
            into found.rows
            using before;
        else
            execute format('with gone as (delete from %1$s where ctid in (select ctid from %1$s where %2$s limit $2) returning 1) select count(*) from gone',
                rule.relation, rule.condition)
            into found.rows
            using before, how_many;
            deleted := deleted + found.rows;
        end if;
        found.what := rule.what;
        found.kept := rule.kept;
        return next found;
    end loop;
    if deleted > 0 then
        perform private.record_act('purge', null, jsonb_build_object('rows', deleted));
    end if;
    -- Once a day is often enough for this too.
    if not coalesce(dry_run, false) then
        ended := private.end_overdue_access();
        if ended > 0 then
            perform private.record_act('client.end_access', null, jsonb_build_object('staff', ended));
        end if;
    end if;
end
$$;
grant execute on function private.purge_expired to authenticated, service_role;

create function api.purge_expired(how_many integer default 5000, dry_run boolean default false) returns setof api.expired
    language sql set search_path = pg_catalog, pg_temp
begin atomic select * from private.purge_expired(how_many, dry_run); end;
comment on function api.purge_expired is 'Deletes what was kept long enough, up to how_many rows of each kind; call it again until rows is 0 for all. dry_run only counts. It also renews the join codes that managers of clients knew whose dates have passed. Staff only. Errors: MP006, MP010.';
grant execute on function api.purge_expired to authenticated, service_role;
