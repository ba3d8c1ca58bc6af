-- What the association learns about conduct: expulsions, and reports of members.

create type api.conduct_kind as enum ('expulsion', 'report');

create table mpp.conduct_report (
    id bigint generated always as identity primary key,
    kind api.conduct_kind not null,
    edition_id integer not null references mpp.edition (id),
    league_id uuid not null references mpp.league (id),
    player_id uuid not null references mpp.player (id),
    account_id uuid,
    reported_by uuid,
    reason text not null check (char_length(reason) between 1 and 500),
    reported_at timestamptz not null default private.clock(),
    resolved_at timestamptz,
    resolution text
);
comment on table mpp.conduct_report is 'What ambassadors and players tell the association. An expulsion also bars the way back.';
create index conduct_report_league on mpp.conduct_report (league_id, account_id) where kind = 'expulsion';
create index conduct_report_player on mpp.conduct_report (player_id);
create index conduct_report_account on mpp.conduct_report (account_id) where account_id is not null;
create index conduct_report_reporter on mpp.conduct_report (reported_by) where reported_by is not null;
create index conduct_report_edition on mpp.conduct_report (edition_id);

alter table mpp.conduct_report enable row level security;

create policy conduct_report_select_ops on mpp.conduct_report
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.conduct_report to authenticated, service_role;

-- For any member: tell the association about a player of the league.
create function private.report_conduct(player_id uuid, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account();
    reported mpp.player;
begin
    perform private.lock_account(account);
    -- And whom they tell about: an id is not written after it was erased.
    perform from auth.users u
    where u.id = (
        select p.account_id from mpp.player p
        where p.id = report_conduct.player_id and p.league_id in (select private.my_league_ids())
    )
    for key share;
    select * into reported
    from mpp.player p
    where p.id = report_conduct.player_id and p.league_id in (select private.my_league_ids()) and p.alias is not null;
    if not found then
        perform private.refuse('MP005');
    end if;
    -- One open report by one person about another is enough.
    if exists (
        select from mpp.conduct_report r
        where r.player_id = reported.id and r.reported_by = account and r.kind = 'report' and r.resolved_at is null
    ) then
        return;
    end if;
    insert into mpp.conduct_report (kind, edition_id, league_id, player_id, account_id, reported_by, reason)
    values ('report', reported.edition_id, reported.league_id, reported.id, reported.account_id, account,
        private.clean_line('reason', report_conduct.reason, 500));
end
$$;
grant execute on function private.report_conduct to authenticated;

create function api.report_conduct(player_id uuid, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.report_conduct(player_id, reason); end;
comment on function api.report_conduct is 'Reports a player of one''s own league to the association. Errors: MP001–MP003, MP005, MP010, MP011.';
grant execute on function api.report_conduct to authenticated;

-- The staff whom an expulsion is told: all but whoever did it. Their accounts are locked before the league.
create function private.lock_staff_to_tell() returns uuid[]
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select u.id
        from auth.users u
        where u.id in (select m.account_id from mpp.ops_member m) and u.id is distinct from private.my_account()
        order by u.id
        for key share
    );
end
$$;

-- Only the number of the report waits in the queue. Who and why is read when the mail leaves (report_content).
create function private.tell_expulsion(report bigint, staff uuid[]) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.queue_mail(format('expulsion-%s-%s', report, s.id), 'expulsion', jsonb_build_object('report', report), account_id => s.id)
    from unnest(staff) s (id);
end
$$;

create function private.report_content(report bigint) returns jsonb
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_build_object('player', coalesce(p.alias, '—'), 'league', l.name, 'edition', e.code, 'reason', r.reason)
            || case when f.alias is not null then jsonb_build_object('by', f.alias) else '{}' end
        from mpp.conduct_report r
        join mpp.player p on p.id = r.player_id
        join mpp.league l on l.id = r.league_id
        join mpp.edition e on e.id = r.edition_id
        left join mpp.profile f on f.id = r.reported_by
        where r.id = report
    );
end
$$;

create function private.resolve_conduct_report(id bigint, resolution text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.require_ops();
    update mpp.conduct_report r
    set resolved_at = private.clock(), resolution = private.clean_line('resolution', resolve_conduct_report.resolution, 500)
    where r.id = resolve_conduct_report.id and r.resolved_at is null;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_act('conduct.resolve', resolve_conduct_report.id::text);
end
$$;
grant execute on function private.resolve_conduct_report to authenticated, service_role;

create function api.resolve_conduct_report(id bigint, resolution text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.resolve_conduct_report(id, resolution); end;
comment on function api.resolve_conduct_report is 'Closes a conduct report with a note. Staff. Errors: MP005, MP006, MP010.';
grant execute on function api.resolve_conduct_report to authenticated, service_role;

create view api.conduct_reports with (security_invoker = true) as
select
    r.id,
    r.kind,
    r.edition_id,
    r.league_id,
    r.player_id,
    r.account_id,
    r.reported_by,
    r.reason,
    r.reported_at,
    r.resolved_at,
    r.resolution,
    case when p.alias = '—' then (select private.erased_name()) else p.alias end as alias,
    l.name as league
from mpp.conduct_report r
join mpp.player p on p.id = r.player_id
join mpp.league l on l.id = r.league_id;
comment on view api.conduct_reports is 'Expulsions and reports to look into. Staff only.';
grant select on api.conduct_reports to authenticated, service_role;
