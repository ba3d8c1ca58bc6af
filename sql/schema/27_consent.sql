-- Giving and withdrawing consents, and accepting the terms. The log is in 26_profile, the terms in 19_terms; what is
-- agreed to for a partner is in 45_partner.

create view api.my_consents with (security_invoker = true) as
select distinct on (c.purpose, c.campaign_id) c.purpose, c.granted, c.text_version, c.given_at, c.campaign_id
from mpp.consent c
where c.account_id = (select private.my_account())
order by c.purpose, c.campaign_id, c.id desc;
comment on view api.my_consents is 'What the caller agrees to now, by purpose, and for partner_sharing by campaign.';
grant select on api.my_consents to authenticated;

create view api.my_consent_history with (security_invoker = true) as
select c.id, c.purpose, c.granted, c.text_version, c.given_at, c.channel, c.campaign_id
from mpp.consent c cross join (select) read_only
where c.account_id = (select private.my_account());
comment on view api.my_consent_history is 'Everything that the caller ever agreed to or withdrew, with the text and the way; sort by id.';
grant select on api.my_consent_history to authenticated;

-- Refuses somebody who has not accepted the terms that hold, if the setting says so.
create function private.require_terms(account uuid) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    due record;
begin
    if private.setting('terms_due') = 'allowed' then
        return;
    end if;
    select d.version, d.effective_at into due
    from mpp.profile p
    cross join lateral private.terms_due(p.terms_published_at) d
    where p.id = account;
    perform private.refuse('MP055', due.version, private.format_first_day(due.effective_at));
end
$$;

-- Adds to the log what changes something; returns whether it did. The log is never deleted from: somebody who may give
-- no more may still withdraw.
create function private.record_consent(
    account uuid, purpose api.consent_purpose, granted boolean, text_version text, channel text, campaign integer default null
) returns boolean
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    latest mpp.consent;
begin
    select * into latest
    from mpp.consent c
    where c.account_id = account and c.purpose = record_consent.purpose and c.campaign_id is not distinct from campaign
    order by c.id desc
    limit 1;
    -- Nothing to withdraw, or the same again.
    if (latest.granted is not true and not granted)
        or (latest.granted = record_consent.granted and latest.text_version = record_consent.text_version) then
        return false;
    end if;
    if granted and (
        select count(*) from mpp.consent c where c.account_id = account and c.given_at > private.clock() - interval '24 hours'
    ) >= 20 then
        perform private.refuse('MP047', '20');
    end if;
    insert into mpp.consent (account_id, purpose, granted, text_version, channel, campaign_id)
    values (account, record_consent.purpose, record_consent.granted, record_consent.text_version, record_consent.channel, campaign);
    return true;
end
$$;

create function private.accept_terms(version text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => false);
    terms mpp.terms_version := private.current_terms();
    accepted mpp.terms_version;
begin
    -- Also one that is announced; none that was followed by another.
    select * into accepted
    from mpp.terms_version t
    where t.version = accept_terms.version and t.published_at between terms.published_at and private.clock();
    if not found then
        perform private.refuse('MP051', coalesce(left(version, 40), '(none)'), terms.version);
    end if;
    update mpp.profile p
    set terms_published_at = greatest(p.terms_published_at, accepted.published_at)
    where p.id = account;
    perform private.record_consent(account, 'terms', true, accepted.version, 'app');
end
$$;
grant execute on function private.accept_terms to authenticated;

create function api.accept_terms(version text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.accept_terms(version); end;
comment on function api.accept_terms is 'Accepts a version of the terms of use: the one that holds, or one that is announced. Errors: MP001–MP003, MP011, MP047, MP051.';
grant execute on function api.accept_terms to authenticated;

create function private.set_consent(purpose api.consent_purpose, granted boolean, campaign text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    account uuid := private.require_account(accepted => granted);
begin
    if purpose is null then
        perform private.refuse('MP010', 'purpose', 'it is empty', 'Use newsletter, league_alerts or partner_sharing.');
    end if;
    if granted is null then
        perform private.refuse('MP010', 'granted', 'it is empty', 'Send true or false.');
    end if;
    if purpose = 'terms' then
        perform private.refuse('MP010', 'purpose', 'terms', 'Terms are accepted with accept_terms; leaving them is erasing the account.');
    end if;
    if purpose = 'partner_sharing' then
        perform private.set_partner_consent(account, campaign, granted);
    else
        perform private.record_consent(account, purpose, granted, (private.current_terms()).version, 'app');
    end if;
end
$$;
grant execute on function private.set_consent to authenticated;

create function api.set_consent(purpose api.consent_purpose, granted boolean, campaign text default null) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_consent(purpose, granted, campaign); end;
comment on function api.set_consent is 'Gives or withdraws one consent of the caller. partner_sharing is given for a campaign that the caller has joined, and withdrawn for it, or for all without one. Once the log has twenty rows of a day, none is given any more. Errors: MP001–MP003, MP010, MP011, MP047, MP055, MP056, MP063.';
grant execute on function api.set_consent to authenticated;
