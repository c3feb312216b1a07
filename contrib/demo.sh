#!/bin/sh
# A day in half a minute: the built-in HubSpot and Certifier, the daemon on
# rules.d, contact changes, and what became of them. $1: the program.
set -eu
cd "$(dirname "$0")/.."
program=$(realpath "$1")
source=$PWD
speed=2880	# a day in 30 seconds
work=$(mktemp -d)
sandbox= daemon=

finish() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	[ -z "$sandbox" ] || kill "$sandbox" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

say() {
	printf '%s\n' "$*"
}

# wait_for WHAT COMMAND…: at most 20 seconds.
wait_for() {
	what=$1
	shift
	for _ in $(seq 200); do
		if "$@" >/dev/null 2>&1; then
			return 0
		fi
		sleep 0.1
	done
	say "gave up waiting for $what" >&2
	cat "$work/log" >&2 2>/dev/null || true
	exit 1
}

# act CALL JSON [CALL JSON…]: what somebody does in HubSpot, all at one moment.
act() {
	set -- "$@" end
	args=
	while [ "$1" != end ]; do
		printf '%s' "$2" >"$work/body.$1.$$.$#"
		args="$args --next -s -f -o /dev/null -X POST -H Content-Type:application/json --data-binary @$work/body.$1.$$.$# $url/sandbox/$1"
		shift 2
	done
	# shellcheck disable=SC2086
	curl ${args# --next} || { say "the sandbox refused: $args" >&2; exit 1; }
}

hour() {
	sleep "$(awk "BEGIN { print $1 * 3600 / $speed }")"
}

# What the rules must do is written down beside them, and tried first.
"$program" test --rules rules.d | tail -n 1 | sed 's/^/rule tests: /'

"$program" sandbox --listen 127.0.0.1:0 --speed $speed >"$work/sandbox" 2>&1 &
sandbox=$!
wait_for 'the sandbox' grep -q '^sandbox: ' "$work/sandbox"
url=$(sed -n 's/^sandbox: \([^ ]*\).*/\1/p' "$work/sandbox")

# The rules as they are, but for where the two services live and how often to look.
mkdir "$work/rules.d"
cp rules.d/*.yaml rules.d/hs2cert.lock "$work/rules.d/"
sed -e "s|# base-url: .*/hubspot.*|base-url: $url/hubspot|" -e "s|# base-url: .*/certifier/v1.*|base-url: $url/certifier/v1|" \
	-e 's/poll: 60s/poll: 1s/' rules.d/00-accounts.yaml >"$work/rules.d/00-accounts.yaml"

say "rules.d:"
"$program" validate rules.d | sed 's/^/  /'
export HUBSPOT_TOKEN=demo CERTIFIER_TOKEN=demo
unset HS2CERT_STATE HS2CERT_RULES
cd "$work"
"$program" run --log-level debug 2>"$work/log" &
daemon=$!
wait_for 'the daemon' test -s "$work/hs2cert.db"
# Rules count from the moment they are loaded: the first poll has to be over before the day begins.
wait_for 'the first poll' sh -c "curl -s '$url/sandbox/state' >/dev/null; grep -q 'rules loaded' '$work/log'"
hour 2

say
say "A day at the academy, one second for every $((speed / 60)) minutes:"
say "  09:00  Ana rises to Silver, and a moment later to Gold"
act set '{"contact":"ana@example.org","property":"membership_tier","value":"Silver"}' \
	set '{"contact":"ana@example.org","property":"membership_tier","value":"Gold"}'
hour 1
say "  10:00  Eva is imported as a Gold member; Dan, who has no e-mail address, rises to Silver"
act create '{"email":"eva@example.org","firstname":"Eva","lastname":"Novak","country":"PL","membership_tier":"Gold"}' \
	set '{"contact":104,"property":"membership_tier","value":"Silver"}'
hour 2
say "  12:00  Ana completes her course with 91 points, Ben his with 64"
act set '{"contact":102,"property":"course_status","value":"in_progress"}' \
	set '{"contact":"ana@example.org","property":"course_completed_on","value":"2026-11-23"}' \
	set '{"contact":"ana@example.org","property":"course_status","value":"completed"}' \
	set '{"contact":"ben@example.org","property":"course_status","value":"completed"}'
hour 2
say "  14:00  Certifier is about to lose the answer to its next request; Chloé joins the graduates"
act fault '{"call":"create","fault":"cut-after","times":1}' \
	join '{"list":4711,"contact":"chloe@example.org"}'
hour 2
say "  16:00  Ana and Chloé renew: Chloé is on trial. Ben renews too; his member number was cleared"
act set '{"contact":"ben@example.org","property":"member_number","value":""}' \
	set '{"contact":"ana@example.org","property":"membership_paid_until","value":"2030-12-31"}' \
	set '{"contact":"chloe@example.org","property":"membership_paid_until","value":"2030-12-31"}' \
	set '{"contact":"ben@example.org","property":"membership_paid_until","value":"2030-12-31"}'
hour 1
say "  17:00  Somebody saves a rule with a typo and reloads: the rules in force stay"
sed -i 's/property: membership_tier/propertey: membership_tier/' rules.d/10-tier-badge.yaml
kill -HUP "$daemon"
wait_for 'the refused reload' grep -q 'reload refused' "$work/log"
cp "$source/rules.d/10-tier-badge.yaml" rules.d/
say "  17:05  The daemon is killed, with no warning; Chloé is signed off as a trainer; it is started again"
kill -9 "$daemon"
wait "$daemon" 2>/dev/null || true
act set '{"contact":"chloe@example.org","property":"trainer_signed_off","value":"true"}'
hour 2
"$program" run --log-level debug 2>>"$work/log" &
daemon=$!
hour 5
kill -TERM "$daemon"
wait "$daemon" 2>/dev/null || true
daemon=

# What still settles falls due within seconds: pass after pass until nothing is left.
for _ in $(seq 20); do
	status=0
	"$program" run --once 2>>"$work/log" || status=$?
	[ $status -eq 4 ] || break
	sleep 0.5
done

say
say "What was issued, and what was not (hs2cert runs):"
"$program" runs | sed 's/^/  /'
say
say "Why others got nothing (from the log):"
grep -E ' no-match | no-event ' "$work/log" |
	sed -n -e 's/.* no-[a-z]* \(.*\)account=[^ ]* contact=\([^ ]*\) event=[^ ]* of=\([^ ]*\) .*reason="\(.*\)"$/  contact \2  \3  \1 \4/p' |
	sed -e 's/rule=\([^ ]*\) /\1:/' -e 's/  */ /g' -e 's/^ /  /' | sort -u
say
"$program" runs --json >"$work/runs"
sent=$(grep -c '"state":"sent"' "$work/runs" || true)
mails=$(curl -s "$url/sandbox/state" | grep -o '"mails":\[[^]]*\]' | grep -o '"credential"' | wc -l)
say "$sent credentials sent, $mails mails left Certifier."
[ "$sent" -gt 0 ] && [ "$sent" -eq "$mails" ] || { say "these should be equal" >&2; exit 1; }
