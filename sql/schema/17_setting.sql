-- Settings of the whole game that the staff may change while it runs. What belongs to one edition is a column of it.

create table mpp.setting (
    name text primary key check (name ~ '^[a-z][a-z_]{2,39}$'),
    value text not null,
    allowed text not null,
    about text not null,
    changed_at timestamptz not null default private.clock(),
    constraint setting_value_is_allowed check (value ~ ('^(' || allowed || ')$'))
);
comment on table mpp.setting is 'Settings of the whole game. A file of sql/schema adds those that it reads.';
comment on column mpp.setting.allowed is 'What a value looks like: a regular expression for the whole of it.';
comment on column mpp.setting.about is 'What the setting decides, and what its values mean.';

create function private.setting(name text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return (select s.value from mpp.setting s where s.name = setting.name);
end
$$;

alter table mpp.setting enable row level security;

create policy setting_select_ops on mpp.setting
    for select to authenticated
    using ((select private.is_ops()));

grant select on mpp.setting to authenticated, service_role;

create view api.settings with (security_invoker = true) as
select s.name, s.value, s.allowed, s.about, s.changed_at
from mpp.setting s cross join (select) read_only;
comment on view api.settings is 'Settings of the whole game. Staff only.';
grant select on api.settings to authenticated, service_role;

create function private.set_setting(name text, value text) returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    s mpp.setting;
begin
    perform private.require_ops();
    select * into s from mpp.setting x where x.name = set_setting.name for no key update;
    if not found then
        perform private.refuse('MP010', 'name', coalesce(left(name, 40), 'it is empty'), 'List the settings.');
    end if;
    if value is null or char_length(value) > 500 or value !~ ('^(' || s.allowed || ')$') then
        perform private.refuse('MP010', 'value', coalesce(left(value, 80), 'it is empty'), s.about);
    end if;
    if value <> s.value then
        update mpp.setting x set value = set_setting.value, changed_at = private.clock() where x.name = s.name;
        perform private.record_act('setting.set', s.name, jsonb_build_object('from', s.value, 'to', value));
    end if;
end
$$;
grant execute on function private.set_setting to authenticated, service_role;

create function api.set_setting(name text, value text) returns void
    language sql set search_path = pg_catalog, pg_temp
begin atomic select private.set_setting(name, value); end;
comment on function api.set_setting is 'Changes a setting of the whole game; the audit keeps both values. Staff. Errors: MP006, MP010.';
grant execute on function api.set_setting to authenticated, service_role;
