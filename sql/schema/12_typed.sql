-- Checks what is typed into a field: a clean line, a text, a place, a label, the name of a person. Each returns the
-- clean value or refuses with what is wrong. Imitations of a client's name are checked in 30_client, names of pupils in
-- 52_pupil.

-- A function fault_of_… tells what is wrong with a typed value and what to do, in two texts that repeat nothing of it;
-- null for a good value. Its function clean_… refuses with them and names the field. An import lists them with the row.
create function private.refuse_field(field text, fault text[]) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if fault is not null then
        perform private.refuse('MP010', field, fault[1], fault[2]);
    end if;
end
$$;

create function private.fault_of_line(value text, longest integer) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text;
begin
    -- Check the size first: cleaning megabytes would take as long as the sender likes.
    if octet_length(value) > 4 * longest + 200 then
        return array['it is too long', format('Use %s characters at most.', longest)];
    end if;
    cleaned := private.trimmed(value);
    return case
        when coalesce(cleaned, '') = '' then array['it is empty', 'Give some text.']
        when char_length(cleaned) > longest
            then array[format('it has %s characters', char_length(cleaned)), format('Use %s characters at most.', longest)]
        when private.hides_something(cleaned) then array['it holds an invisible character', 'Use visible characters only.']
        -- An encoded word of a mail header (RFC 2047) reads one way here and another where it is decoded.
        when cleaned ~ '=\?[^?\s]+\?[bBqQ]\?' then array['it holds an encoded word', 'Write it without =?.']
    end;
end
$$;

-- A typed line, trimmed and clean; or the refusal that names the field.
create function private.clean_line(field text, value text, longest integer default 60) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_line(value, longest));
    return private.trimmed(value);
end
$$;

-- A space without width between two letters of a person's name is neither dropped nor made a space: it is refused.
create function private.fault_of_unseen(value text) returns text[]
    language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select case when value ~ '\S\u200b+\S' then array['it holds an invisible character', 'Type the name again.'] end $$;

create function private.refuse_unseen(field text, value text) returns void
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_unseen(value));
end
$$;

-- The code of a country as people write it: in small letters, or by its name in French, English or German where most
-- players live. Null for anything else.
create function private.country_code(typed text) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    word text := upper(private.searchable(typed));
begin
    if private.is_country(word) then
        return word;
    end if;
    return (
        select n.code
        from (
            values
                ('AT', '|AUTRICHE|AUSTRIA|OSTERREICH|OESTERREICH|'),
                ('BE', '|BELGIQUE|BELGIUM|BELGIEN|BELGIE|'),
                ('CA', '|CANADA|KANADA|'),
                ('CH', '|SUISSE|SWITZERLAND|SCHWEIZ|SVIZZERA|'),
                ('DE', '|ALLEMAGNE|GERMANY|DEUTSCHLAND|'),
                ('ES', '|ESPAGNE|SPAIN|SPANIEN|ESPANA|'),
                ('FR', '|FRANCE|FRANKREICH|FRANCE METROPOLITAINE|'),
                ('GB', '|UK|U K|ROYAUME UNI|UNITED KINGDOM|VEREINIGTES KONIGREICH|GRANDE BRETAGNE|GREAT BRITAIN|GROSSBRITANNIEN'
                    || '|ANGLETERRE|ENGLAND|ECOSSE|SCOTLAND|SCHOTTLAND|PAYS DE GALLES|WALES|'),
                ('IE', '|IRLANDE|IRELAND|IRLAND|'),
                ('IT', '|ITALIE|ITALY|ITALIEN|ITALIA|'),
                ('LU', '|LUXEMBOURG|LUXEMBURG|'),
                ('MC', '|MONACO|'),
                ('MA', '|MAROC|MOROCCO|MAROKKO|'),
                ('NL', '|PAYS BAS|NETHERLANDS|THE NETHERLANDS|NIEDERLANDE|NEDERLAND|HOLLANDE|HOLLAND|'),
                ('PT', '|PORTUGAL|'),
                ('US', '|USA|U S A|ETATS UNIS|UNITED STATES|VEREINIGTE STAATEN|'),
                ('DZ', '|ALGERIE|ALGERIA|ALGERIEN|'),
                ('TN', '|TUNISIE|TUNISIA|TUNESIEN|'),
                ('SN', '|SENEGAL|')
        ) n (code, names)
        where strpos(n.names, '|' || word || '|') > 0
    );
end
$$;

-- Where somebody lives or a school stands, as it is kept: a country of the list and a postcode that may exist there.
-- The French territories that ISO lists as countries become France, so that maps and departments know them.
-- A postcode is read as it stands on envelopes: F-75011, 75 011, 75011 Paris CEDEX 11.
create function private.clean_place(inout country text, inout postcode text)
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    typed text;
    territory text;
    form text;
    sign_of_car text;
begin
    typed := private.trimmed(left(country, 60));
    country := private.country_code(typed);
    if country is null then
        perform private.refuse('MP010', 'country', coalesce(nullif(left(typed, 20), ''), 'it is empty'),
            'Use the two letters of a country (ISO 3166), such as FR.');
    end if;
    postcode := upper(private.trimmed(left(postcode, 60)));
    territory := case country
        when 'GP' then '971' when 'MQ' then '972' when 'GF' then '973' when 'RE' then '974' when 'PM' then '975' when 'YT' then '976'
        when 'BL' then '97(133|7)' when 'MF' then '97(150|8)' when 'TF' then '984' when 'WF' then '986' when 'PF' then '987'
        when 'NC' then '988'
    end;
    if territory is not null then
        country := 'FR';
    end if;
    if country in ('FR', 'DE', 'ES', 'IT', 'BE', 'CH', 'LU', 'AT') then
        sign_of_car := case country when 'CH' then 'CH' else left(country, 1) end;
        -- The sign of the country before the digits, and the town behind them.
        postcode := replace(
            regexp_replace(postcode, format('^((%s|%s)[ -]*)?([0-9]( ?[0-9])*)([ ,]+[^0-9 ].*)?$', country, sign_of_car), '\3'),
            ' ', '');
    end if;
    form := case
        when territory is not null then '^' || territory
        when country = 'FR' then '^(0[1-9]|[1-8][0-9]|9[0-5]|97[1-8]|98[4678])'
        when country in ('BE', 'CH', 'LU', 'AT') then '^[1-9][0-9]{3}$'
        else ''
    end;
    if coalesce(postcode, '') !~ '^[0-9A-Z][0-9A-Z -]{1,11}$' or postcode !~ form
        or (country in ('FR', 'DE', 'ES', 'IT') and postcode !~ '^(?!00000)[0-9]{5}$') then
        perform private.refuse('MP010', 'postcode', coalesce(nullif(left(postcode, 20), ''), 'it is empty'),
            'Give a postcode of the country, such as 75008 in FR.');
    end if;
end
$$;

-- A label that strangers or mails show: clean, without a link, and no imitation of the association. Only the
-- association names things after itself, where it types one name. `listed` marks a name of a list, which others made
-- and the staff only pass on.
create function private.fault_of_label(value text, longest integer, listed boolean) returns text[]
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    fault text[] := private.fault_of_line(value, longest);
    cleaned text;
    said text;
    letters text;
    -- In the spelling of look_alike.
    duties constant text := 'offlclel|offlclal|admln|support|staff|moderat|securlt|asslstance|servlce|alde|help|assoclat|contact|organlsat';
    -- Words that a league may use too, “Équipe MPP Lyon”. Alone with the letters they mean the association.
    places constant text := 'equlpes?|teams?|bureau|dlrectlon|lnfos?';
begin
    if fault is not null or (private.is_ops() and not listed) then
        return fault;
    end if;
    cleaned := private.trimmed(value);
    if private.holds_link(cleaned) then
        return array['it holds a link',
            'Use a name without an address: no //, no @, nothing like example.com; put a space behind a full stop.'];
    end if;
    said := private.look_alike(cleaned);
    letters := regexp_replace(said, '[^a-z]', '', 'g');
    if letters ~ 'mapetlteplanete' or letters = 'mpp' or letters ~ ('^mpp(' || duties || ')|(' || duties || ')mpp$')
        or letters ~ ('^(l|la|le|les|the)?((' || places || ')(de|dela|du)?mpp|mpp(' || places || '))$')
        -- M.P.P. and m p p too.
        or (said ~ '(^|[^a-z])m[^a-z]*p[^a-z]*p($|[^a-z])' and letters ~ duties) then
        return array['it is the name of the association', 'Choose a name of your own.'];
    end if;
    return null;
end
$$;

create function private.clean_label(field text, value text, longest integer default 60, listed boolean default false) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_field(field, private.fault_of_label(value, longest, listed));
    return private.trimmed(value);
end
$$;

-- A person's own name. An initial or a saint before a name is no host (“O.Henry”, “St.John”). A space without width
-- between two letters is refused: nobody sees whether it parts a first name and a surname.
create function private.clean_person(field text, value text, longest integer default 60) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    perform private.refuse_unseen(field, left(value, 1000));
    perform private.clean_label(field, regexp_replace(value,
        '\m(St|Ste|Dr|[A-Z])\.(?=[A-Z][a-z]{3})(?!(?:Info|Shop|Site|Store|Cloud|Online|Link|Page|Club|Live|Blog|Tech|Work|Team|News)\M)', '\1. ', 'g'),
        longest + 4);
    return private.clean_line(field, value, longest);
end
$$;

-- Several typed lines, trimmed and clean; or the refusal that names the field.
create function private.clean_text(field text, value text, longest integer) returns text
    language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    cleaned text;
begin
    -- Check the size first: cleaning megabytes would take as long as the sender likes.
    if octet_length(value) > 4 * longest + 200 then
        perform private.refuse('MP010', field, 'it is too long', format('Use %s characters at most.', longest));
    end if;
    -- Each line is trimmed, and empty lines at the ends go.
    select btrim(string_agg(private.trimmed(l.line), E'\n' order by l.place), E'\n') into cleaned
    from regexp_split_to_table(value, E'\r\n|[\n\r\u0085\u2028\u2029]') with ordinality l (line, place);
    if coalesce(cleaned, '') = '' then
        perform private.refuse('MP010', field, 'it is empty', 'Give some text.');
    end if;
    if char_length(cleaned) > longest then
        perform private.refuse('MP010', field, format('it has %s characters', char_length(cleaned)),
            format('Use %s characters at most.', longest));
    end if;
    if private.hides_something(replace(cleaned, E'\n', '')) then
        perform private.refuse('MP010', field, 'it holds a control or invisible character', 'Use visible characters and line breaks only.');
    end if;
    return cleaned;
end
$$;
