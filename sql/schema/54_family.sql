-- Families: the code of a class lets an account, anonymous or not, read that class and nothing else.

create table mpp.class_code (
    league_id uuid primary key references mpp.league (id),
    code text not null unique check (code ~ '^[0-9A-HJKMNP-TV-Z]{10}$'),
    renewed_at timestamptz not null default private.clock()
);
comment on table mpp.class_code is 'The code by which families enter a class; its teachers read it. Without a row nobody new enters.';

create table mpp.class_guess (
    account_id uuid not null references auth.users (id) on delete cascade,
    guessed_at timestamptz not null default private.clock()
);
comment on table mpp.class_guess is 'Wrong class codes of the last hour; the next guess deletes older ones.';
create index class_guess_account on mpp.class_guess (account_id, guessed_at);

alter table mpp.class_code enable row level security;
alter table mpp.class_guess enable row level security;

create policy class_code_select_authenticated on mpp.class_code
    for select to authenticated
    using (league_id in (select private.my_led_league_ids()) or (select private.is_ops()));

grant select on mpp.class_code to authenticated, service_role;

create function private.renew_class_code(class_id uuid) returns text
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    fresh text := private.new_join_code();
begin
    perform private.lock_class(class_id, when_frozen => true);
    perform private.record_for_class('class.renew_code', class_id);
    insert into mpp.class_code (league_id, code) values (class_id, fresh)
    on conflict (league_id) do update set code = excluded.code, renewed_at = private.clock();
    delete from mpp.family f where f.league_id = class_id;
    return fresh;
end
$$;
grant execute on function private.renew_class_code to authenticated, service_role;

create function api.renew_class_code(class_id uuid) returns text
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.renew_class_code(class_id); end;
comment on function api.renew_class_code is 'Gives a class a new code and returns it. Families who entered with an older code are out until they give the new one. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';
grant execute on function api.renew_class_code to authenticated, service_role;

create function private.revoke_class_code(class_id uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_class(class_id, when_frozen => true);
    perform private.record_for_class('class.revoke_code', class_id);
    delete from mpp.class_code c where c.league_id = class_id;
    delete from mpp.family f where f.league_id = class_id;
end
$$;
grant execute on function private.revoke_class_code to authenticated, service_role;

create function api.revoke_class_code(class_id uuid) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.revoke_class_code(class_id); end;
comment on function api.revoke_class_code is 'Takes the code of a class away. Families are out at once, and nobody enters until it is renewed. Its teachers and staff. Errors: MP001, MP002, MP008, MP011.';
grant execute on function api.revoke_class_code to authenticated, service_role;

create type api.claim_result as (class_id uuid, claimed boolean, guesses_left integer);
comment on type api.claim_result is 'Outcome of a class code: the class, or how many wrong codes are left in this hour.';

-- The one thing that an anonymous account may do. As in unlock_challenge a wrong code is an answer and not an error, so
-- that it is remembered. The limit is per account, because a whole school shares one address.
create function private.claim_class(code text) returns api.claim_result
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    most constant integer := 10;
    account uuid := private.signed_in(anonymous_too => true);
    typed text := translate(upper(regexp_replace(left(code, 40), '[\s-]', '', 'g')), 'OIL', '011');
    at timestamptz;
    class uuid;
    wrong integer;
    oldest timestamptz;
begin
    perform private.require_no_maintenance();
    perform private.lock_account(account);
    -- One guess at a time for one account.
    perform pg_advisory_xact_lock(hashtext('mpp.class_guess'), hashtext(account::text));
    at := private.clock();
    delete from mpp.class_guess g where g.account_id = account and g.guessed_at <= at - interval '1 hour';
    select count(*), min(g.guessed_at) into wrong, oldest from mpp.class_guess g where g.account_id = account;
    if wrong >= most then
        perform private.refuse('MP046', jsonb_build_object('until', oldest + interval '1 hour'),
            private.format_instant(oldest + interval '1 hour'));
    end if;
    select c.league_id into class from mpp.class_code c where c.code = typed;
    if class is not null then
        perform private.lock_edition(l.edition_id) from mpp.league l where l.id = class;
        perform private.lock_league(class);
        -- The code may have been renewed while this waited.
        if not exists (select from mpp.class_code c where c.league_id = class and c.code = typed) then
            class := null;
        end if;
    end if;
    if class is null then
        insert into mpp.class_guess (account_id, guessed_at) values (account, at);
        return (null, false, most - wrong - 1)::api.claim_result;
    end if;
    if (select count(*) from mpp.family f where f.account_id = account and f.league_id <> class) >= 10 then
        perform private.refuse('MP086', '10');
    end if;
    insert into mpp.family (account_id, league_id) values (account, class) on conflict do nothing;
    return (class, true, most - wrong)::api.claim_result;
end
$$;
grant execute on function private.claim_class to authenticated;

create function api.claim_class(code text) returns api.claim_result
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.claim_class(code); end;
comment on function api.claim_class is 'Lets an account that gives the code of a class read that class; anonymous accounts too. Wrong codes are limited per account and hour. Errors: MP001, MP011, MP046, MP086.';
grant execute on function api.claim_class to authenticated;
