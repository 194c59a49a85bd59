#!/usr/bin/env bash
# The servers and the browser that the tests run against: Java and Maven (Apache Kafka), PostgreSQL, Chromium.
# As root on a Debian machine the missing ones are installed; otherwise a message says which tests will be skipped.
set -euo pipefail
missing=()
command -v java >/dev/null || missing+=(default-jre-headless)
command -v mvn >/dev/null || missing+=(maven)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing+=(postgresql)
command -v chromium >/dev/null || missing+=(chromium)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "not installed: ${missing[*]}. Tests that need them are skipped; install them as root with:"
  echo "  apt-get install ${missing[*]}"
fi
