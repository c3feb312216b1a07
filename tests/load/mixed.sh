#!/bin/sh
# An installation under everything at once, and then the judge: mixed.sh PROGRAM [SECONDS] [SEED].
# Two portals and a workspace (three sandboxes), a daemon that hears webhooks of one portal and polls both, reloads, status page,
# commands beside it, clients that hang. See mixed.js.
here=$(dirname "$(realpath "$0")")
. "$here/../e2e/stage.inc"
start_sandbox
heard=$url others=$sandbox
trap 'kill $others 2>/dev/null; finish' EXIT
start_sandbox
polled=$url others="$others $sandbox"
start_sandbox
node "$here/mixed.js" "$program" "$heard" "$polled" "$url" "${2:-60}" "${3:-$(date +%s)}" || {
	keep=$(mktemp -d /tmp/hs2cert-mixed-XXXXXX)
	cp -r rules.d hs2cert.db* log state-*.json "$keep" 2>/dev/null
	echo "mixed: all is kept in $keep" >&2
	exit 1
}
