-- Names that must go: an insult, a child's surname, somebody else's name. The staff rename what bears one, or hide it
-- under a name that says nothing. Rules for names that people choose are in 12_typed and 30_client.

create type api.name_kind as enum ('league', 'team', 'alias', 'class', 'school');

create table mpp.name_change (
    id bigint generated always as identity primary key,
    kind api.name_kind not null,
    account_id uuid references mpp.profile (id) on delete cascade,
    subject_id uuid,
    old_name mpp.line not null,
    new_name mpp.line,
    reason text not null check (char_length(reason) between 1 and 300),
    changed_at timestamptz not null default private.clock(),
    changed_by uuid references auth.users (id) on delete set null,
    constraint name_change_of_one_thing check (num_nonnulls(account_id, subject_id) = 1 and (kind = 'alias') = (account_id is not null))
);
comment on table mpp.name_change is 'Names that the staff took away, with the reason.';
comment on column mpp.name_change.account_id is 'Whose alias it was; null for the name of anything else. Goes with the account.';
comment on column mpp.name_change.subject_id is 'The league, team, class or school that bore it.';
comment on column mpp.name_change.old_name is 'The name that was taken away, so that it is not taken again; read by the staff only, kept three years.';
comment on column mpp.name_change.new_name is 'The name in its place; null for a school that was taken off the lists.';
comment on column mpp.name_change.reason is 'Why, as the owner was told.';
comment on column mpp.name_change.changed_by is 'Who of the staff did it; null for the secret key, and once that account is erased.';
create index name_change_account on mpp.name_change (account_id) where account_id is not null;
create index name_change_subject on mpp.name_change (subject_id) where subject_id is not null;
create index name_change_by on mpp.name_change (changed_by) where changed_by is not null;

alter table mpp.name_change enable row level security;

create policy name_change_select_ops on mpp.name_change
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.name_change to authenticated, service_role;

create view api.name_changes with (security_invoker = true) as
select n.id, n.kind, coalesce(n.account_id, n.subject_id) as subject_id, n.old_name, n.new_name, n.reason, n.changed_at, n.changed_by
from mpp.name_change n cross join (select) read_only;
comment on view api.name_changes is 'Names that the staff took away; sort by id. subject_id is the account of an alias, else the league, team, class or school. Staff only.';
grant select on api.name_changes to authenticated, service_role;

-- What was taken away is not taken again. The staff may give it back.
create function private.refuse_removed_name() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    said text := to_jsonb(new) ->> tg_argv[0];
begin
    if exists (
        select
        from mpp.name_change n
        where (n.subject_id = new.id or n.account_id = new.id) and private.folded(n.old_name) = private.folded(said)
    ) and not private.is_ops() then
        perform private.refuse('MP010', tg_argv[0], 'Ma Petite Planète took this name away', 'Choose another one.');
    end if;
    return new;
end
$$;

create trigger profile_refuse_removed_name
    before update of alias on mpp.profile
    for each row when (new.alias is distinct from old.alias)
    execute function private.refuse_removed_name('alias');

create trigger league_refuse_removed_name
    before update of name on mpp.league
    for each row when (new.name is distinct from old.name)
    execute function private.refuse_removed_name('name');

create trigger team_refuse_removed_name
    before update of name on mpp.team
    for each row when (new.name is distinct from old.name)
    execute function private.refuse_removed_name('name');

-- Takes a name out of rankings that are frozen, where labels do not follow by themselves (label_players,
-- label_leagues). Points, order and listing stay.
create function private.take_label_away(subjects uuid[], old_name text, new_name text) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform from mpp.score s where s.subject_id = any (subjects) order by s.subject_id for no key update;
    update mpp.score s
    set label = case when s.label = old_name then new_name else s.label end,
        league_label = case when s.league_label = old_name then new_name else s.league_label end
    where s.subject_id = any (subjects) and (s.label = old_name or s.league_label = old_name);
end
$$;

create type api.changed_name as (kind api.name_kind, subject_id uuid, name text, told integer);
comment on type api.changed_name is 'What bears another name now, which one, and how many people a mail tells. name is null for a school that was taken off the lists.';

create function private.change_name(kind text, subject_id uuid, reason text, name text) returns api.changed_name
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    why text;
    hidden boolean := change_name.name is null;
    kinds constant text[] := enum_range(null::api.name_kind)::text[];
    league mpp.league;
    account uuid;
    tell uuid[];
    person uuid;
    was text;
    neutral text;
    change mpp.name_change;
    answer api.changed_name;
begin
    perform private.require_ops();
    why := private.clean_line('reason', change_name.reason, 300);
    if change_name.kind is null or not change_name.kind = any (kinds) then
        perform private.refuse('MP010', 'kind', coalesce(left(change_name.kind, 40), 'it is empty'), format('Use %s.', array_to_string(kinds, ', ')));
    end if;

    -- Whose it is. Their accounts are locked first, as everywhere.
    if change_name.kind = 'alias' then
        select p.account_id into account from mpp.player p where p.id = change_name.subject_id and p.alias is not null;
        account := coalesce(account, (select f.id from mpp.profile f where f.id = change_name.subject_id and f.alias is not null));
        tell := array[account];
    elsif change_name.kind = 'school' then
        select array[s.created_by] into tell from mpp.school s where s.id = change_name.subject_id;
    else
        select l.* into league
        from mpp.league l
        where l.id = case when change_name.kind = 'team' then (select t.league_id from mpp.team t where t.id = change_name.subject_id)
                else change_name.subject_id end
            and (change_name.kind = 'team' or (change_name.kind = 'class') = (l.school_id is not null));
        tell := array(select a.account_id from mpp.ambassador a where a.league_id = league.id order by a.account_id);
    end if;
    tell := array(
        select u.id
        from auth.users u
        where u.id = any (tell || private.my_account())
        order by u.id
        for key share
    );

    neutral := format(
        case when exists (select from mpp.profile f where f.id = any (tell) and f.language = 'en')
            and not exists (select from mpp.profile f where f.id = any (tell) and f.language = 'fr')
            then case change_name.kind when 'alias' then 'Player %s' when 'team' then 'Team %s' when 'class' then 'Class %s' else 'League %s' end
            else case change_name.kind when 'alias' then 'Joueur·se %s' when 'team' then 'Équipe %s' when 'class' then 'Classe %s' else 'Ligue %s' end
        end, left(private.new_join_code(), 6));
    -- Also in a frozen edition: a name is no part of the seal.
    if change_name.kind = 'alias' then
        perform private.lock_editions_of(account);
        select f.alias into was from mpp.profile f where f.id = account for no key update;
        answer.name := private.clean_alias(coalesce(change_name.name, neutral));
        update mpp.profile f set alias = answer.name where f.id = account;
        update mpp.player p set alias = answer.name where p.account_id = account and private.folded(p.alias) = private.folded(was);
        perform private.take_label_away(array(select p.id from mpp.player p where p.account_id = account), was, answer.name);
    elsif change_name.kind = 'school' then
        select s.name into was from mpp.school s where s.id = change_name.subject_id;
        if found then
            perform private.correct_school(change_name.subject_id, change_name.name, null, null, null, case when hidden then true end);
            answer.name := case when not hidden then private.trimmed(change_name.name) end;
        end if;
    elsif league.id is not null then
        perform private.lock_edition(league.edition_id);
        perform private.lock_league(league.id);
        if change_name.kind = 'team' then
            answer.name := private.clean_team_name(league.id, coalesce(change_name.name, neutral));
            select t.name into was from mpp.team t where t.id = change_name.subject_id;
            update mpp.team t set name = answer.name where t.id = change_name.subject_id;
            perform private.take_label_away(array[change_name.subject_id], was, answer.name);
        else
            answer.name := case when change_name.kind = 'class' then private.clean_class_text('name', coalesce(change_name.name, neutral), 60)
                else private.clean_name('name', coalesce(change_name.name, neutral)) end;
            select l.name into was from mpp.league l where l.id = league.id;
            update mpp.league l set name = answer.name where l.id = league.id;
            perform private.take_label_away(array(
                select league.id
                union all
                select t.id from mpp.team t where t.league_id = league.id
                union all
                select p.id from mpp.player p where p.league_id = league.id
            ), was, answer.name);
        end if;
    end if;
    if was is null then
        perform private.refuse('MP005');
    end if;

    insert into mpp.name_change (kind, account_id, subject_id, old_name, new_name, reason, changed_by)
    values (
        change_name.kind::api.name_kind,
        account,
        case when change_name.kind <> 'alias' then change_name.subject_id end,
        was, answer.name, why, private.my_account()
    )
    returning * into change;
    answer.kind := change.kind;
    answer.subject_id := coalesce(change.account_id, change.subject_id);
    answer.told := 0;
    foreach person in array tell loop
        if person = account
            or exists (select from mpp.school s where change_name.kind = 'school' and s.id = change_name.subject_id and s.created_by = person)
            or exists (select from mpp.ambassador a where a.league_id = league.id and a.account_id = person) then
            answer.told := answer.told + private.queue_mail(
                format('name-%s-%s', change.id, person), 'name_changed',
                jsonb_strip_nulls(jsonb_build_object('kind', change.kind, 'name', answer.name, 'league', case when change.kind = 'team' then league.name end,
                    'reason', why)),
                account_id => person, league_id => league.id)::integer;
        end if;
    end loop;
    -- No name in the audit, which is for good.
    perform private.record_act(case when hidden then 'name.hide' else 'name.rename' end, answer.subject_id::text,
        jsonb_build_object('kind', change.kind, 'change', change.id, 'reason', why, 'told', answer.told));
    return answer;
exception when unique_violation then
    perform private.refuse('MP038', change_name.name);
    return null;
end
$$;
grant execute on function private.change_name to authenticated, service_role;

create function api.change_name(kind text, subject_id uuid, reason text, name text default null) returns api.changed_name
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.change_name(kind, subject_id, reason, name); end;
comment on function api.change_name is 'Gives a league, team, alias, class or school another name, also in a frozen edition; without a name, one that says nothing, and a school goes off the lists. An alias is named by its player or its account, and changes wherever the person bears it. Its owner cannot take the old name again, and a mail tells them the new one and the reason: the person, the ambassadors or teachers, whoever added the school. Staff. Errors: MP005, MP006, MP010, MP038.';
grant execute on function api.change_name to authenticated, service_role;
