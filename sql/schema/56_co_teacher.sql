-- Teachers who run a class together: inviting, accepting, handing over, removing.

create table mpp.class_invitation (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    expires_at timestamptz not null
);
comment on table mpp.class_invitation is 'A teacher''s invitation to a colleague: one at a time for a class, taken once, gone after seven days.';

alter table mpp.class_invitation enable row level security;

create function private.invite_co_teacher(class_id uuid) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    fresh text := private.new_join_code();
begin
    -- Who reads a class may change after the freeze: the ranking does not depend on it.
    perform private.lock_class(class_id, when_frozen => true);
    perform private.record_for_class('class.invite', class_id);
    insert into mpp.class_invitation (league_id, code, expires_at)
    values (class_id, fresh, private.clock() + interval '168 hours')
    on conflict (league_id) do update set code = excluded.code, expires_at = excluded.expires_at;
    return fresh;
end
$$;
grant execute on function private.invite_co_teacher to authenticated, service_role;

create function api.invite_co_teacher(class_id uuid) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.invite_co_teacher(class_id); end;
comment on function api.invite_co_teacher is 'Makes an invitation for one colleague, good once and for seven days, which replaces an earlier one. Returns its code. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';
grant execute on function api.invite_co_teacher to authenticated, service_role;

create function private.accept_class(code text) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_teacher();
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    class mpp.league;
begin
    perform private.lock_profile(account, plays => false);
    select l.* into class from mpp.class_invitation i join mpp.league l on l.id = i.league_id where i.code = typed;
    if found then
        perform private.lock_edition(class.edition_id);
        perform private.lock_league(class.id);
        if exists (select from mpp.ambassador a where a.league_id = class.id and a.account_id = account) then
            return class.id;
        end if;
        delete from mpp.class_invitation i where i.league_id = class.id and i.code = typed and i.expires_at > private.clock();
    end if;
    -- Of twenty at once, one has taken it.
    if not found then
        perform private.refuse('MP082');
    end if;
    insert into mpp.ambassador (league_id, account_id, is_principal)
    select class.id, account, not exists (select from mpp.ambassador a where a.league_id = class.id and a.is_principal);
    return class.id;
end
$$;
grant execute on function private.accept_class to authenticated;

create function api.accept_class(code text) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.accept_class(code); end;
comment on function api.accept_class is 'Takes a colleague''s invitation: the caller, a teacher, then runs the class too. Returns the class id. Errors: MP001, MP002, MP009, MP011, MP082.';
grant execute on function api.accept_class to authenticated;

create function private.hand_over_class(class_id uuid, teacher_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid;
begin
    perform private.lock_caller();
    perform from mpp.profile p where p.id = teacher_id for key share;
    account := private.lock_class(class_id, when_frozen => true);
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP008');
    end if;
    -- The staff may give a class that lost its teacher to any other one.
    if not exists (select from mpp.teacher t where t.account_id = teacher_id)
        or not (private.is_ops() or exists (
            select from mpp.ambassador a where a.league_id = class_id and a.account_id = teacher_id)) then
        perform private.refuse('MP005');
    end if;
    update mpp.ambassador a set is_principal = false where a.league_id = class_id and a.is_principal;
    insert into mpp.ambassador (league_id, account_id, is_principal) values (class_id, teacher_id, true)
    on conflict on constraint ambassador_pkey do update set is_principal = true;
    -- The new teacher may invite again those whom the former one invited.
    delete from mpp.class_invitation i where i.league_id = class_id;
    perform private.record_act('class.hand_over', class_id::text, jsonb_build_object('teacher_id', teacher_id));
end
$$;
grant execute on function private.hand_over_class to authenticated, service_role;

create function api.hand_over_class(class_id uuid, teacher_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.hand_over_class(class_id, teacher_id); end;
comment on function api.hand_over_class is 'Makes a colleague who already runs the class its principal teacher; the former one stays. The principal teacher, and staff, who may name any teacher. Errors: MP001, MP002, MP005, MP008, MP011, MP047.';
grant execute on function api.hand_over_class to authenticated, service_role;

create function private.remove_co_teacher(class_id uuid, teacher_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.lock_class(class_id, when_frozen => true);
begin
    if not private.is_ops() and teacher_id <> account and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account and a.is_principal
    ) then
        perform private.refuse('MP008');
    end if;
    delete from mpp.ambassador a where a.league_id = class_id and a.account_id = teacher_id and not a.is_principal;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.record_for_class('class.remove_teacher', class_id, jsonb_build_object('teacher_id', teacher_id));
    -- A colleague who knew the class code, or an invitation, must not come back by it.
    perform private.renew_codes(array[class_id]);
end
$$;
grant execute on function private.remove_co_teacher to authenticated, service_role;

create function api.remove_co_teacher(class_id uuid, teacher_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.remove_co_teacher(class_id, teacher_id); end;
comment on function api.remove_co_teacher is 'Takes a class from a colleague, or from oneself; a principal teacher hands it over first. The class code is renewed, because the colleague knew it: families enter again with the new one. The principal teacher, the colleague, and staff. Errors: MP001, MP002, MP005, MP008, MP011.';
grant execute on function api.remove_co_teacher to authenticated, service_role;

create type api.class_teacher as (teacher_id uuid, first_name text, last_name text, is_principal boolean, is_me boolean);
comment on type api.class_teacher is 'A teacher of a class, for the other teachers of that class.';

create function private.class_teachers(class_id uuid) returns setof api.class_teacher
    language plpgsql stable security definer rows 2 set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := case when private.is_ops() then (select private.my_account()) else private.signed_in() end;
begin
    if not private.is_ops() and not exists (
        select from mpp.ambassador a where a.league_id = class_id and a.account_id = account
    ) then
        perform private.refuse('MP008');
    end if;
    return query
    select a.account_id, p.first_name::text, p.last_name::text, a.is_principal, coalesce(a.account_id = (select private.my_account()), false)
    from mpp.ambassador a
    join mpp.league l on l.id = a.league_id and l.school_id is not null
    join mpp.profile p on p.id = a.account_id
    where a.league_id = class_id
    order by a.is_principal desc, a.granted_at;
end
$$;
grant execute on function private.class_teachers to authenticated, service_role;

create function api.class_teachers(class_id uuid) returns setof api.class_teacher
    language sql stable rows 2 set search_path = pg_catalog, pg_temp
begin atomic select * from private.class_teachers(class_id); end;
comment on function api.class_teachers is 'Lists who runs a class, the principal teacher first. Its teachers and staff. Errors: MP001, MP002, MP008.';
grant execute on function api.class_teachers to authenticated, service_role;
