#!/bin/sh
# What an editor makes of the schema. $1: the program; $2: the packages that `make` put into the build folder.
set -u
cd "$(dirname "$0")/../.." || exit 3
NODE_PATH=$(realpath "$2")
export NODE_PATH
failed=0
for test in schema server ci; do
	timeout 300 node "tests/editor/$test.js" "$1" || failed=1
done
exit $failed
