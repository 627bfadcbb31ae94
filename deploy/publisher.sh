#!/bin/sh
# The service `publisher` of docker-compose.yml: what the other services find in the volumes.
#
# 1. A password for the database, made once and kept in a volume of its own: as PostgreSQL reads it
#    (POSTGRES_PASSWORD_FILE) and as its clients do (PGPASSFILE). It is in no URL, no environment, no log.
# 2. Envoy's configuration, the development CA and the accepted catalog, kept up with the operator's catalog.
set -eu
umask 077
cd "${CLAVIS_PASSWORDS:-/run/clavis-passwords}"

if [ ! -s postgres ]; then
    python -c 'import secrets; print(secrets.token_hex(32))' > .postgres.new
    mv .postgres.new postgres
fi
printf '*:*:*:*:%s\n' "$(cat postgres)" > .pgpass.new
mv .pgpass.new pgpass

exec clavis publish --follow
