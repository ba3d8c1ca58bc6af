-- What goes, and what stays, when a person's profile is deleted. What ends with the account is in 66_access.

create function private.lock_editions_of(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.lock_edition(p.edition_id)
    from (select x.edition_id from mpp.player x where x.account_id = account order by x.edition_id) p;
end
$$;

-- A deleted account leaves its points and its rank under no name. In a frozen ranking its line stays where it stood; in
-- a running edition it is listed no longer.
create function private.profile_forget() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    leagues uuid[];
begin
    -- Leaving the ranking must not slip past a freeze.
    perform private.lock_editions_of(old.id);
    perform private.lock_leagues(array(
        select p.league_id from mpp.player p where p.account_id = old.id
        union
        select a.league_id from mpp.ambassador a where a.account_id = old.id
    ));
    delete from mpp.player_contact c using mpp.player p where p.id = c.player_id and p.account_id = old.id;
    update mpp.player p
    set account_id = null, alias = '—', first_name = '—', picture_path = null,
        listed = p.listed and exists (select from mpp.edition e where e.id = p.edition_id and e.frozen_at is not null)
    where p.account_id = old.id;
    with left_behind as (
        delete from mpp.ambassador a where a.account_id = old.id returning a.league_id
    )
    select array_agg(l.league_id) into leagues from left_behind l;
    perform private.ensure_ambassador(l.id) from unnest(leagues) l (id);
    -- A class without a teacher is nobody's to show, until the staff give it to another one. An invitation would let in
    -- its maker under another account.
    delete from mpp.class_invitation i where i.league_id = any (leagues);
    delete from mpp.family f
    where f.league_id in (select l.id from mpp.league l where l.id = any (leagues) and l.school_id is not null)
        and not exists (select from mpp.ambassador a where a.league_id = f.league_id);
    delete from mpp.class_code c
    where c.league_id = any (leagues) and not exists (select from mpp.ambassador a where a.league_id = c.league_id);
    -- What the person ran with others goes on, but nobody enters by a code that the person knew.
    perform private.renew_codes(array(
        select l.id from unnest(leagues) l (id) where exists (select from mpp.ambassador a where a.league_id = l.id)));
    return old;
end
$$;

create trigger profile_forget
    before delete on mpp.profile
    for each row execute function private.profile_forget();

-- Takes the id of an erased account out of the rows that stay: by it, a player without a name would lead to their
-- consents, to the audit, and in Auth's own log to their address. Nothing that a seal or a score is made of changes.
-- docs/privacy.md says what keeps the id on purpose; a test knows every column.
create function private.forget_account(account uuid) returns void
    language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    update mpp.league l set created_by = null where l.created_by = account;
    update mpp.validation v set validated_by = null where v.validated_by = account;
    update mpp.validation v set cancelled_by = null where v.cancelled_by = account;
    update mpp.conduct_report r set account_id = null where r.account_id = account;
    update mpp.conduct_report r set reported_by = null where r.reported_by = account;
    update mpp.school s set created_by = null where s.created_by = account;
    update mpp.contact_request c set handled_by = null where c.handled_by = account;
end
$$;
