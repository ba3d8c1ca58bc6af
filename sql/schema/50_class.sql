-- Classes: leagues of a school, run by a teacher. Their pupils are players without accounts (52_pupil), and families
-- read their class, and only it (54_family). Validating is in 76_class_play.

create table mpp.class_challenge (
    league_id uuid not null references mpp.league (id),
    challenge_id integer not null references mpp.edition_challenge (id) on delete cascade,
    primary key (league_id, challenge_id)
);
comment on table mpp.class_challenge is 'What a teacher chose for the class; without a choice, everything of its level is in play.';
create index class_challenge_challenge on mpp.class_challenge (challenge_id);

alter table mpp.class_challenge enable row level security;

create policy class_challenge_select_authenticated on mpp.class_challenge
    for select to authenticated
    using (league_id in (select private.my_league_ids()) or (select private.is_ops()));
grant select on mpp.class_challenge to authenticated, service_role;

-- Locks a class for one of its teachers, or for the staff; returns the account.
create function private.lock_class(class uuid, when_frozen boolean default false) returns uuid
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    -- As in lock_led_league.
    account uuid := case when private.is_ops() then private.lock_caller() else private.require_account(registered => false) end;
    edition integer;
    frozen text;
begin
    select l.edition_id into edition from mpp.league l where l.id = class and l.school_id is not null;
    if edition is not null then
        perform private.lock_edition(edition);
        perform private.lock_league(class);
    end if;
    if edition is null or not (
        private.is_ops() or exists (select from mpp.ambassador a where a.league_id = class and a.account_id = account)
    ) then
        perform private.refuse('MP008');
    end if;
    if not when_frozen then
        select e.code into frozen from mpp.edition e where e.id = edition and e.frozen_at is not null;
        if frozen is not null then
            perform private.refuse('MP024', frozen);
        end if;
    end if;
    return account;
end
$$;

-- What the staff do in a class in a teacher's place leaves a trace. What teachers do there leaves none.
create function private.record_for_class(action text, class uuid, details jsonb default '{}') returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if private.is_ops() then
        perform private.record_act(action, class::text, details);
    end if;
end
$$;

-- The edition of a class whose lock is held, required not to be over.
create function private.require_edition_not_over(class uuid) returns mpp.edition
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    e mpp.edition;
begin
    select x.* into e from mpp.league l join mpp.edition x on x.id = l.edition_id where l.id = class;
    if private.clock() >= e.ends_at then
        perform private.refuse_not_running(e);
    end if;
    return e;
end
$$;

create function private.create_class(
    edition_id integer, school_id uuid, name text, level text, teams text[], teacher_id uuid
) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    by_ops boolean := private.is_ops();
    account uuid;
    e mpp.edition;
    school mpp.school;
    class uuid;
    called text := private.clean_class_text('name', name, 60);
    team_names text[];
begin
    if by_ops then
        account := coalesce(teacher_id, (select private.my_account()));
        if not exists (select from mpp.teacher t where t.account_id = account) then
            perform private.refuse('MP009');
        end if;
    else
        account := private.require_teacher();
        if teacher_id is not null and teacher_id <> account then
            perform private.refuse('MP006');
        end if;
    end if;
    -- Refuse this before saying anything else about a private edition.
    if not by_ops and exists (select from mpp.edition x where x.id = create_class.edition_id and x.organisation_id is not null) then
        perform private.refuse('MP005');
    end if;
    perform private.lock_profile(account, plays => false);
    -- One at a time for one account, so that the limit holds.
    perform pg_advisory_xact_lock(hashtext('mpp.class'), hashtext(account::text));
    -- Before the edition, as in correct_school. The lock keeps the class from slipping into a school that is being
    -- hidden.
    select * into school from mpp.school s where s.id = create_class.school_id and not s.is_hidden for share;
    e := private.lock_joinable_edition(edition_id);
    if e.audience <> 'school' then
        perform private.refuse('MP028', e.code);
    end if;
    if school.id is null then
        perform private.refuse('MP080');
    end if;
    if level is null or not level = any (school.levels) then
        perform private.refuse('MP010', 'level', left(coalesce(level, 'it is empty'), 40),
            format('Use a level of this school: %s.', array_to_string(school.levels, ', ')));
    end if;
    if (select count(*) from mpp.league l where l.created_by = account and l.edition_id = e.id) >= 12 then
        perform private.refuse('MP039', '12');
    end if;
    if coalesce(cardinality(teams), 0) = 0 then
        team_names := array[case when private.speaks_french() then 'Équipe 1' else 'Team 1' end];
    elsif cardinality(teams) > e.teams_per_league then
        perform private.refuse('MP037', e.teams_per_league::text);
    else
        team_names := array(
            select private.clean_class_text('teams', t.name, 40) from unnest(teams) with ordinality t (name, place) order by t.place);
    end if;
    begin
        insert into mpp.league (edition_id, name, created_by, school_id, level)
        values (e.id, called, account, school.id, create_class.level)
        returning id into class;
    exception when unique_violation then
        perform private.refuse('MP038', called);
    end;
    begin
        insert into mpp.team (league_id, edition_id, name)
        select class, e.id, t.name from unnest(team_names) with ordinality t (name, place) order by t.place;
    exception when unique_violation then
        perform private.refuse('MP038', array_to_string(team_names, ', '));
    end;
    insert into mpp.class_code (league_id, code) values (class, private.new_join_code());
    insert into mpp.ambassador (league_id, account_id, is_principal) values (class, account, true);
    if by_ops then
        perform private.record_act('class.create', class::text, jsonb_build_object('teacher_id', account));
    end if;
    return class;
end
$$;
grant execute on function private.create_class to authenticated, service_role;

create function api.create_class(
    edition_id integer, school_id uuid, name text, level text, teams text[] default null, teacher_id uuid default null
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.create_class(edition_id, school_id, name, level, teams, teacher_id); end;
comment on function api.create_class is 'Creates a class of a school with its teams (one unless they are named) and the code for its families; the caller is its teacher. Only the staff may name another teacher_id. Returns the class id. Errors: MP001, MP002, MP005, MP006, MP009–MP011, MP020, MP021, MP023, MP024, MP028, MP037–MP039, MP080.';
grant execute on function api.create_class to authenticated, service_role;

create function private.update_class(class_id uuid, name text, level text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    class mpp.league;
begin
    perform private.lock_class(class_id);
    select * into class from mpp.league l where l.id = class_id;
    if level is not null and level <> class.level then
        if not exists (select from mpp.school s where s.id = class.school_id and update_class.level = any (s.levels)) then
            perform private.refuse('MP010', 'level', left(level, 40), 'Use a level of the school of this class.');
        end if;
        -- Its challenges and its place among the classes of the level would no longer be right.
        if exists (select from mpp.validation v where v.league_id = class.id) then
            perform private.refuse('MP010', 'level', 'the class has already validated challenges', 'Ask Ma Petite Planète.');
        end if;
        delete from mpp.class_challenge c where c.league_id = class.id;
    end if;
    update mpp.league l
    set name = case when update_class.name is null then l.name else private.clean_class_text('name', update_class.name, 60) end,
        level = coalesce(update_class.level, l.level)
    where l.id = class.id;
exception when unique_violation then
    perform private.refuse('MP038', name);
end
$$;
grant execute on function private.update_class to authenticated, service_role;

create function api.update_class(class_id uuid, name text default null, level text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.update_class(class_id, name, level); end;
comment on function api.update_class is 'Renames a class or corrects its level. The level changes only before the first validation, and the choice of challenges starts again. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP024, MP038.';
grant execute on function api.update_class to authenticated, service_role;

-- Whether a challenge is in play for a class.
create function private.is_in_play(class mpp.league, challenge mpp.edition_challenge) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select coalesce(class.level = any (challenge.levels), false)
        and (
            not exists (select from mpp.class_challenge c where c.league_id = class.id)
            or exists (select from mpp.class_challenge c where c.league_id = class.id and c.challenge_id = challenge.id)
        )
$$;

create function private.choose_class_challenges(class_id uuid, challenge_ids integer[]) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    class mpp.league;
begin
    perform private.lock_class(class_id);
    perform private.require_edition_not_over(class_id);
    select * into class from mpp.league l where l.id = class_id;
    if challenge_ids is null then
        delete from mpp.class_challenge c where c.league_id = class.id;
        return (select count(*) from mpp.edition_challenge c where c.edition_id = class.edition_id and class.level = any (c.levels));
    end if;
    if cardinality(challenge_ids) not between 1 and 300 then
        perform private.refuse('MP010', 'challenge_ids', format('it has %s elements', cardinality(challenge_ids)),
            'Choose at least one challenge; send null for all of the level.');
    end if;
    if exists (
        select
        from unnest(challenge_ids) i (id)
        where not exists (
            select from mpp.edition_challenge c where c.id = i.id and c.edition_id = class.edition_id and class.level = any (c.levels)
        )
    ) then
        perform private.refuse('MP040');
    end if;
    delete from mpp.class_challenge c where c.league_id = class.id and not c.challenge_id = any (challenge_ids);
    insert into mpp.class_challenge (league_id, challenge_id)
    select class.id, i.id from unnest(challenge_ids) i (id)
    on conflict do nothing;
    return (select count(*) from mpp.class_challenge c where c.league_id = class.id);
end
$$;
grant execute on function private.choose_class_challenges to authenticated, service_role;

create function api.choose_class_challenges(class_id uuid, challenge_ids integer[]) returns integer
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.choose_class_challenges(class_id, challenge_ids); end;
comment on function api.choose_class_challenges is 'Sets which challenges of its level a class plays, and returns how many; null means all of them. What was validated stays. Its teachers and staff. Errors: MP001, MP002, MP008, MP010, MP011, MP022, MP024, MP040.';
grant execute on function api.choose_class_challenges to authenticated, service_role;
