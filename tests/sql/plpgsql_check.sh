#!/usr/bin/env bash
# `supabase db lint` needs the extension plpgsql_check, which only Debian's Postgres 15 brings along. On Debian, root
# installs it for the tests; elsewhere the test of the linter says that it had nothing to run on.
set -euo pipefail
if [ -e /usr/lib/postgresql/15/lib/plpgsql_check.so ] || [ "$(id -u)" != 0 ] || ! command -v apt-get > /dev/null; then
    exit 0
fi
echo "Installing Postgres 15 with plpgsql_check for the linter"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq > /dev/null
apt-get install -y -qq --no-install-recommends postgresql-15 postgresql-15-plpgsql-check > /dev/null
