#!/bin/sh
# At the first start of an empty database server: one role and one database each for the CRM and for Prefect's history.
set -eu
for name in crosstie prefect; do
  case $name in crosstie) password=$CROSSTIE_DB_PASSWORD ;; prefect) password=$PREFECT_DB_PASSWORD ;; esac
  # by the environment: what stands in a command line, everybody on the machine can read
  CROSSTIE_NEW_PASSWORD=$password psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --set ON_ERROR_STOP=1 --set name="$name" <<'SQL'
\getenv password CROSSTIE_NEW_PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
