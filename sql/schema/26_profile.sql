-- The person: their profile, which only they and the staff read, and the log of what they consented to. Accounts are in
-- 14_account, giving and withdrawing consents in 27_consent, teachers in 28_school.

create table mpp.profile (
    id uuid primary key references auth.users (id) on delete cascade,
    first_name mpp.line not null,
    last_name mpp.line not null,
    alias mpp.line,
    country text check (private.is_country(country)),
    postcode text check (postcode ~ '^[0-9A-Z][0-9A-Z -]{1,11}$'),
    birth_date date check (birth_date > '1900-01-01'),
    language text not null default 'fr' check (language in ('fr', 'en', 'de')),
    sector mpp.line,
    acquisition_channel mpp.line,
    picture_path text check (char_length(picture_path) <= 300),
    guardian_consent_at timestamptz,
    created_at timestamptz not null default private.clock(),
    terms_published_at timestamptz not null default private.clock(),
    birth_date_before date,
    -- A teacher who does not play gives none of these; a player gives them all.
    constraint profile_plays_or_not check (num_nulls(alias, country, postcode, birth_date) in (0, 4))
);
comment on table mpp.profile is 'A person who plays or teaches, read by that person and the staff only. The e-mail address stays in Auth.';
comment on column mpp.profile.alias is 'Name in public; null for a teacher who does not play.';
comment on column mpp.profile.birth_date is 'Given by the person. Purposes: protecting minors, and counting age groups. Read by the person, and by the staff in the database; kept until the account is erased.';
comment on column mpp.profile.birth_date_before is 'The date before the owner corrected it; null if they never did, and once the staff have set it. Purpose: a correction makes nobody older than both dates say. Read by nobody through the API; kept until the account is erased.';
comment on column mpp.profile.guardian_consent_at is 'Since when a guardian agrees that the child appears in public; null without. Purpose: protecting minors. The log is mpp.guardian_consent. Read by the person and the staff; kept until the account is erased.';
comment on column mpp.profile.terms_published_at is 'When the version of the terms that the person accepted last was published. A later one that holds is due.';

create type api.consent_purpose as enum ('terms', 'newsletter', 'league_alerts', 'partner_sharing');

create table mpp.consent (
    id bigint generated always as identity primary key,
    account_id uuid not null,
    purpose api.consent_purpose not null,
    granted boolean not null,
    text_version text not null,
    given_at timestamptz not null default private.clock(),
    channel text not null check (channel in ('app', 'mail', 'ops')),
    campaign_id integer references mpp.campaign (id),
    constraint consent_partner_of_campaign check ((purpose = 'partner_sharing') = (campaign_id is not null))
);
comment on table mpp.consent is 'What a person agreed to or withdrew, append-only; the newest row of a purpose, and of a campaign, holds.';
comment on column mpp.consent.account_id is 'Whose consent it is. Kept for good after the account is erased, as proof; it leads to nobody then.';
comment on column mpp.consent.text_version is 'The text that was shown: a version of the terms, or of a campaign''s text, as CODE/NUMBER.';
comment on column mpp.consent.campaign_id is 'What is shared with partners is agreed to one campaign at a time.';
create index consent_account on mpp.consent (account_id, purpose, id desc);
create index consent_campaign on mpp.consent (campaign_id, account_id, id desc) where campaign_id is not null;

create trigger consent_append_only
    before update or delete or truncate on mpp.consent
    for each statement execute function private.refuse_change();

create function private.age_on(birth_date date, day date) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select extract(year from age(day, birth_date))::integer $$;
grant execute on function private.age_on(date, date) to authenticated;

-- How old somebody is who corrected their birth date: the younger of the two, until the staff have looked. So a
-- correction crosses no limit of age, on the day it is made or later.
create function private.age_on(birth_date date, birth_date_before date, day date) returns integer
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select extract(year from age(day, greatest(birth_date, birth_date_before)))::integer $$;
grant execute on function private.age_on(date, date, date) to authenticated;

insert into mpp.setting (name, value, allowed, about) values
    ('consent_ages', 'FR=15 DE=16', '[A-Z]{2}=1[5-8]( [A-Z]{2}=1[5-8])*',
        'From which age somebody consents without a guardian, by country of residence; 15 where none is named. Written FR=15 DE=16, from 15 to 18.');

-- From which age somebody of this country consents alone: to appear in public, and to what is shared with partners.
create function private.consent_age(country text) returns integer
    language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(substring(private.setting('consent_ages') from country || '=([0-9]+)')::integer, 15);
end
$$;
grant execute on function private.consent_age to authenticated;

-- Whether somebody is younger than this many years today, in Paris. A teacher who does not play has no known age.
create function private.is_under(account_id uuid, years integer) returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((
        select private.age_on(p.birth_date, p.birth_date_before, private.today()) < years
        from mpp.profile p
        where p.id = is_under.account_id
    ), false);
end
$$;

-- Refuses what an age forbids, where a profile, a league or a class would break it. Under 15 nobody plays in an open
-- league, in which strangers meet and whose ambassador reads phone numbers. Under 18 nobody runs a class.
create function private.check_age(account_id uuid) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if private.is_under(check_age.account_id, 18) and exists (select from mpp.teacher t where t.account_id = check_age.account_id) then
        perform private.refuse('MP053', '18');
    end if;
    if private.is_under(check_age.account_id, 15) and exists (
        select
        from mpp.player p
        join mpp.league l on l.id = p.league_id and l.is_open
        join mpp.edition e on e.id = l.edition_id and e.frozen_at is null
        where p.account_id = check_age.account_id
    ) then
        perform private.refuse('MP052', '15');
    end if;
end
$$;

-- Below the age of consent, the alias is public only once a guardian has agreed.
create function private.may_be_listed(account_id uuid) returns boolean
    language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p.guardian_consent_at is not null
        or private.age_on(p.birth_date, p.birth_date_before, (select private.today())) >= private.consent_age(p.country)
    from mpp.profile p
    where p.id = account_id
$$;

alter table mpp.profile enable row level security;
alter table mpp.consent enable row level security;

create policy profile_select_authenticated on mpp.profile
    for select to authenticated
    using (id = (select private.my_account()) or (select private.is_ops()));

create policy consent_select_authenticated on mpp.consent
    for select to authenticated
    using (account_id = (select private.my_account()) or (select private.is_ops()));

grant select on mpp.profile, mpp.consent to authenticated;

create view api.my_profile with (security_invoker = true) as
select
    p.id,
    p.first_name,
    p.last_name,
    p.alias,
    auth.jwt() ->> 'email' as email,
    p.country,
    p.postcode,
    p.birth_date,
    private.age_on(p.birth_date, p.birth_date_before, (select private.today())) < 18 as is_minor,
    private.age_on(p.birth_date, p.birth_date_before, (select private.today())) < 15 as is_under_15,
    private.age_on(p.birth_date, p.birth_date_before, (select private.today())) < private.consent_age(p.country) as needs_guardian,
    p.guardian_consent_at,
    p.language,
    p.sector,
    p.acquisition_channel,
    p.picture_path,
    p.created_at,
    due.version as terms_due,
    due.effective_at as terms_due_since,
    private.erases_at(p.id) as erases_at
from mpp.profile p
left join lateral private.terms_due(p.terms_published_at) due on true
where p.id = (select private.my_account()) and p.alias is not null;
comment on view api.my_profile is 'The caller''s own profile: one row, or none before register.';
comment on column api.my_profile.needs_guardian is 'Whether the person is below the age of consent of their country: appearing in public takes the agreement of a guardian (ask_guardian).';
comment on column api.my_profile.guardian_consent_at is 'Since when a guardian agrees; null without.';
comment on column api.my_profile.terms_due is 'The version of the terms to accept; null when the person has accepted the one that holds.';
comment on column api.my_profile.terms_due_since is 'From when that version holds.';
comment on column api.my_profile.erases_at is 'When the account is erased, as its owner asked; null without. Until then keep_my_account takes it back.';
grant select on api.my_profile to authenticated;

-- The account behind a request: signed in, and not anonymous unless that is allowed.
-- Whether the account has no address yet, as its token says.
create function private.is_anonymous() returns boolean
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((auth.jwt() ->> 'is_anonymous')::boolean, false);
end
$$;

create function private.signed_in(anonymous_too boolean default false) returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.my_account();
begin
    if account is null then
        perform private.refuse('MP001');
    end if;
    if not anonymous_too and private.is_anonymous() then
        perform private.refuse('MP002');
    end if;
    return account;
end
$$;

-- The account behind a request that writes: not anonymous, registered, outside maintenance, and of somebody who has
-- accepted the terms that hold. What is a right of theirs, such as withdrawing, does not ask for that.
create function private.require_account(registered boolean default true, accepted boolean default true) returns uuid
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.claimed_account();
    live boolean;
    known boolean;
    maintained boolean;
    behind boolean;
    at timestamptz := private.clock();
begin
    -- In one query: every command of a phone asks this.
    select private.is_live(u), p.id is not null,
        exists (select from mpp.maintenance_window w where w.ends_at > at and w.starts_at <= at),
        exists (select from mpp.terms_version t where t.published_at > p.terms_published_at and t.effective_at <= at)
    into live, known, maintained, behind
    from auth.users u
    left join mpp.profile p on p.id = u.id
    where u.id = account;
    if live is not true then
        perform private.refuse('MP001');
    end if;
    if private.is_anonymous() then
        perform private.refuse('MP002');
    end if;
    if maintained then
        perform private.require_no_maintenance();
    end if;
    if registered and not known then
        perform private.refuse('MP003');
    end if;
    if behind and accepted then
        perform private.require_terms(account);
    end if;
    return account;
end
$$;
comment on function private.require_account is 'First line of every player''s command; returns the account.';

create function private.check_profile(birth_date date, language text, picture_path text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    -- No refusal repeats a birth date: refusals are logged.
    if birth_date is null then
        perform private.refuse('MP010', 'birth_date', 'it is empty', 'Give a date of birth as YYYY-MM-DD.');
    end if;
    if birth_date > private.today() then
        perform private.refuse('MP010', 'birth_date', 'that day is still to come', 'Check the year.');
    end if;
    if private.age_on(birth_date, private.today()) not between 3 and 119 then
        perform private.refuse('MP010', 'birth_date', format('it makes somebody %s years old', private.age_on(birth_date, private.today())),
            'Check the year; players are 3 to 119 years old.');
    end if;
    if language is null or language not in ('fr', 'en', 'de') then
        perform private.refuse('MP010', 'language', coalesce(language, 'it is empty'), 'Use fr, en or de.');
    end if;
    -- Pictures live under the owner's own folder of a private bucket.
    if picture_path is not null and (
        char_length(picture_path) > 300 or picture_path !~ ('^' || (select private.my_account()) || '/[A-Za-z0-9][A-Za-z0-9._-]*$')) then
        perform private.refuse('MP010', 'picture_path', left(picture_path, 80), 'Begin the path with the id of your account.');
    end if;
end
$$;

create function private.register(
    first_name text, last_name text, alias text, country text, postcode text, birth_date date, terms_version text,
    language text, sector text, acquisition_channel text, picture_path text, league_alerts boolean, newsletter boolean
) returns uuid
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(registered => false, accepted => false);
    terms mpp.terms_version := private.current_terms();
    place record;
begin
    if terms_version is distinct from terms.version then
        perform private.refuse('MP051', coalesce(terms_version, '(none)'), terms.version);
    end if;
    place := private.clean_place(country, postcode);
    perform private.refuse_unseen('alias', left(alias, 1000));
    perform private.check_profile(birth_date, language, picture_path);
    perform private.lock_account(account);

    insert into mpp.profile as p (id, first_name, last_name, alias, country, postcode, birth_date, language, sector,
        acquisition_channel, picture_path, terms_published_at)
    values (
        account,
        private.clean_person('first_name', register.first_name),
        private.clean_person('last_name', register.last_name),
        private.clean_alias(register.alias),
        place.country,
        place.postcode,
        register.birth_date,
        register.language,
        case when register.sector is not null then private.clean_line('sector', register.sector, 80) end,
        case when register.acquisition_channel is not null
            then private.clean_line('acquisition_channel', register.acquisition_channel, 80) end,
        register.picture_path,
        terms.published_at
    )
    -- A teacher who starts to play.
    on conflict on constraint profile_pkey do update
    set first_name = excluded.first_name, last_name = excluded.last_name, alias = excluded.alias, country = excluded.country,
        postcode = excluded.postcode, birth_date = excluded.birth_date, language = excluded.language, sector = excluded.sector,
        acquisition_channel = excluded.acquisition_channel, picture_path = excluded.picture_path,
        terms_published_at = greatest(p.terms_published_at, excluded.terms_published_at)
    where p.alias is null;
    if not found then
        perform private.refuse('MP004');
    end if;
    perform private.check_age(account);
    insert into mpp.consent (account_id, purpose, granted, text_version, channel)
    select account, c.purpose::api.consent_purpose, c.granted, terms.version, 'app'
    from (values ('terms', true), ('league_alerts', league_alerts), ('newsletter', newsletter)) c (purpose, granted)
    where c.granted;
    return account;
end
$$;
grant execute on function private.register to authenticated;

create function api.register(
    first_name text, last_name text, alias text, country text, postcode text, birth_date date, terms_version text,
    language text default 'fr', sector text default null, acquisition_channel text default null,
    picture_path text default null, league_alerts boolean default false, newsletter boolean default false
) returns uuid
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select private.register(first_name, last_name, alias, country, postcode, birth_date, terms_version, language, sector,
        acquisition_channel, picture_path, league_alerts, newsletter);
end;
comment on function api.register is 'Makes the caller''s profile, accepting the current terms of use (is_current in api.terms_versions); returns the account id. A teacher who is under 18 is refused. Errors: MP001, MP002, MP004, MP010, MP011, MP051, MP053.';
grant execute on function api.register to authenticated;

-- How many of the ages that change what somebody may do are behind them: 15 and 18.
create function private.age_limits_passed(birth_date date) returns integer
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    age integer := private.age_on(birth_date, private.today());
begin
    return (age >= 15)::integer + (age >= 18)::integer;
end
$$;

create function private.update_profile(
    first_name text, last_name text, alias text, country text, postcode text, birth_date date,
    language text, sector text, acquisition_channel text, picture_path text
) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => false);
    old_row mpp.profile;
    place record;
begin
    perform private.lock_editions_of(account);
    select * into old_row from mpp.profile p where p.id = account for no key update;
    if old_row.alias is null then
        perform private.refuse('MP003');
    end if;
    place := old_row;
    if country is not null or postcode is not null then
        place := private.clean_place(coalesce(country, old_row.country), coalesce(postcode, old_row.postcode));
    end if;
    perform private.check_profile(coalesce(birth_date, old_row.birth_date), coalesce(language, old_row.language), nullif(picture_path, ''));
    perform private.refuse_unseen('alias', left(alias, 1000));
    -- One mistyped digit is one correction. The staff see to whatever would make somebody of another age for the game.
    if birth_date is distinct from old_row.birth_date and birth_date is not null then
        if old_row.birth_date_before is not null then
            perform private.refuse('MP058');
        end if;
        if private.age_limits_passed(birth_date) <> private.age_limits_passed(old_row.birth_date) then
            perform private.refuse('MP054');
        end if;
    end if;
    update mpp.profile p
    set first_name = case when update_profile.first_name is null then p.first_name else private.clean_person('first_name', update_profile.first_name) end,
        last_name = case when update_profile.last_name is null then p.last_name else private.clean_person('last_name', update_profile.last_name) end,
        alias = case when update_profile.alias is null then p.alias else private.clean_alias(update_profile.alias) end,
        country = place.country,
        postcode = place.postcode,
        birth_date = coalesce(update_profile.birth_date, p.birth_date),
        birth_date_before = case when update_profile.birth_date <> p.birth_date then p.birth_date else p.birth_date_before end,
        language = coalesce(update_profile.language, p.language),
        sector = case when update_profile.sector = '' then null
            when update_profile.sector is null then p.sector else private.clean_line('sector', update_profile.sector, 80) end,
        acquisition_channel = case when update_profile.acquisition_channel = '' then null
            when update_profile.acquisition_channel is null then p.acquisition_channel
            else private.clean_line('acquisition_channel', update_profile.acquisition_channel, 80) end,
        picture_path = case when update_profile.picture_path = '' then null
            else coalesce(update_profile.picture_path, p.picture_path) end
    where p.id = account;
end
$$;
grant execute on function private.update_profile to authenticated;

create function api.update_profile(
    first_name text default null, last_name text default null, alias text default null, country text default null,
    postcode text default null, birth_date date default null, language text default null, sector text default null,
    acquisition_channel text default null, picture_path text default null
) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic
    select private.update_profile(first_name, last_name, alias, country, postcode, birth_date, language, sector,
        acquisition_channel, picture_path);
end;
comment on function api.update_profile is 'Corrects the caller''s profile; the audit keeps which fields changed, no value; what is left out stays, and an empty text clears an optional field. A birth date is corrected once, and not across the ages of 15 and 18; the staff do the rest (correct_birth_date). Errors: MP001, MP002, MP003, MP010, MP011, MP047, MP054, MP058.';
grant execute on function api.update_profile to authenticated;

-- The staff correct what update_profile refuses. The lock keeps others from adding to the profile meanwhile: whoever
-- registers as a teacher or joins a league then sees the new age.
create function private.correct_birth_date(account_id uuid, birth_date date, reason text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    old_row mpp.profile;
begin
    perform private.require_ops();
    select * into old_row from mpp.profile p where p.id = account_id and p.alias is not null for update;
    if not found then
        perform private.refuse('MP005');
    end if;
    perform private.lock_editions_of(account_id);
    perform private.check_profile(birth_date, old_row.language, null);
    update mpp.profile p set birth_date = correct_birth_date.birth_date, birth_date_before = null where p.id = account_id;
    perform private.check_age(account_id);
    perform private.record_act('profile.correct_birth_date', account_id::text,
        jsonb_build_object('reason', private.clean_line('reason', correct_birth_date.reason, 200)));
end
$$;
grant execute on function private.correct_birth_date to authenticated, service_role;

create function api.correct_birth_date(account_id uuid, birth_date date, reason text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.correct_birth_date(account_id, birth_date, reason); end;
comment on function api.correct_birth_date is 'Corrects the birth date of a player, minor or not; the owner may then correct it once again. The audit keeps the reason, not the date. Refuses a date that makes the person too young for the open league or class they are in. Staff. Errors: MP005, MP006, MP010, MP052, MP053.';
grant execute on function api.correct_birth_date to authenticated, service_role;
