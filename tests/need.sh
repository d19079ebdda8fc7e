#!/bin/sh
# need.sh PACKAGE PROGRAM...: installs PACKAGE unless one of the programs is here already.
set -eu
package=$1
shift
for program in "$@"; do
    if command -v "$program" >/dev/null 2>&1; then exit 0; fi
done
if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need $package. Install it and run this again." >&2
    exit 1
fi
install="apt-get update && apt-get install --yes --no-install-recommends $package"
if [ "$(id -u)" = 0 ]; then
    DEBIAN_FRONTEND=noninteractive sh -c "$install"
elif command -v sudo >/dev/null 2>&1 && sudo --non-interactive true 2>/dev/null; then
    sudo DEBIAN_FRONTEND=noninteractive sh -c "$install"
else
    echo "The tests need $package. Install it with: sudo sh -c '$install'" >&2
    exit 1
fi
