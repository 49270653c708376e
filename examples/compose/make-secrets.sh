#!/bin/sh
# Makes the passwords that docker-compose.yml hands to its services, once: what is there already stays.
# The folder keeps strangers out; inside the containers other users than yours must be able to read the files.
set -eu
cd "$(dirname "$0")"
mkdir -p -m 700 secrets
for name in root replication mmm verify app redis; do
  file=secrets/${name}_password
  test -s "$file" || head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$file"
  chmod 644 "$file"
done
