#!/bin/sh
# The sandbox as a program: what it takes, what it keeps, whom it refuses.
. "$(dirname "$(realpath "$0")")/stage.inc"

check 'a speed that is none' status 2 "$program" sandbox --speed 0
check 'an address that is none' status 2 "$program" sandbox --listen nonsense
check 'a port that is none' status 2 "$program" sandbox --listen 127.0.0.1:99999
check 'an address that is not ours' status 3 "$program" sandbox --listen 192.0.2.1:0
echo '{' >data
check 'data that is no JSON' status 3 "$program" sandbox --listen 127.0.0.1:0 --data data
check 'is named' grep -q "'data': not JSON" err
echo '{"lists":[{"id":1,"name":"","kind":"MANUAL"}]}' >data
check 'data that is no portal' status 3 "$program" sandbox --listen 127.0.0.1:0 --data data
check 'a folder as data' status 3 "$program" sandbox --listen 127.0.0.1:0 --data .
check 'data that cannot be made' status 3 "$program" sandbox --listen 127.0.0.1:0 --data nowhere/data

stop_sandbox() {
	kill -TERM "$sandbox"
	wait "$sandbox"
	ended=$?
	sandbox=
	return $ended
}

rm data
start_sandbox --data data --speed 1000
check 'data that is missing is made at the start' [ -s data ]
check 'a second one on the same port' status 3 "$program" sandbox --listen "${url#http://}"
check 'asks for a contact' sh -c "curl -s -H 'Authorization: Bearer x' '$url/hubspot/crm/objects/2026-03/contacts/101' | grep -q '\"id\":\"101\"'"
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
clock=$(curl -s "$url/sandbox/state" | sed 's/.*"clock":"\([^"]*\)".*/\1/')

# origin_is STATUS HEADER…: what a call answers that comes with these headers.
origin_is() {
	want=$1
	shift
	got=$(curl -s -o /dev/null -w '%{http_code}' "$@" -H 'Content-Type: application/json' -d '{"list":4711,"contact":101}' "$url/sandbox/join")
	[ "$got" = "$want" ] || { echo "$got, not $want: $*"; return 1; }
}
check 'a page of another site' origin_is 403 -H 'Origin: http://evil.example'
check 'an origin that hides' origin_is 403 -H 'Origin: null'
check 'an origin, and another host' origin_is 403 -H "Origin: $url" -H 'Host: other'
check 'an origin, and no host' origin_is 403 --http1.0 -H "Origin: $url" -H 'Host:'
check 'the page itself' origin_is 200 -H "Origin: $url"
check 'SIGTERM ends it with 0' stop_sandbox

check 'what was done is kept' grep -q '"Gold"' data
start_sandbox --data data
check 'and there again' sh -c "curl -s '$url/sandbox/state' | grep -q '\"Gold\"'"
check 'its clock never goes back' sh -c "[ \"\$(curl -s '$url/sandbox/state' | sed 's/.*\"clock\":\"\([^\"]*\)\".*/\1/')\" '>' '$clock' ]"
rm data && mkdir data
kill -INT "$sandbox"
wait "$sandbox"
ended=$?
sandbox=
check 'what cannot be kept: 3' [ $ended -eq 3 ]
check 'and is said' grep -q "cannot write 'data'" sandbox.err
conclude sandbox
