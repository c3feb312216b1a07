#!/bin/sh
# `connect`: a grant over OAuth by the callback and by pasting, what is refused with which words, and the daemon that
# lives on it; no token and no secret is ever printed, logged or readable by others.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox --data data.json
export HUBSPOT_CLIENT_SECRET=sandbox-secret
act option '{"name":"rate_limits","value":"false"}'
act option '{"name":"oauth_at_once","value":"true"}'
act option '{"name":"oauth_rotates","value":"true"}'
port=$(($$ % 20000 + 10000)) # below those that the system gives away by itself

write_rules 0s
cat >rules.d/00-accounts.yaml <<-END
	account: academy
	hubspot:
	  oauth: { client-id: my-app, client-secret: "\${HUBSPOT_CLIENT_SECRET}", redirect-url: "http://localhost:$port/callback" }
	  poll: 1s
	  base-url: "$url/hubspot"
	---
	account: certifier
	certifier: { token: "\${CERTIFIER_TOKEN}", base-url: "$url/certifier/v1", rate: 50/s }
	END

# connect OPTION…: begins; its stdin stays open as fd 3.
connect() {
	: >out
	rm -f in
	mkfifo in
	"$program" connect academy "$@" <in >out 2>err &
	pid=$!
	exec 3>in
	soon grep -q '/oauth/authorize' out || cat out err
	ask=$(sed -n 's/^ *\(http[^ ]*\)$/\1/p; s/.*"url":"\([^"]*\)".*/\1/p' out | head -n 1)
}

# the browser of somebody who agrees: the address that it is sent to
agreed() {
	curl -s -o /dev/null -w '%{redirect_url}' "$ask"
}

# ends N: it ends with that status.
ends() {
	wait "$pid"
	got=$?
	exec 3>&-
	[ "$got" -eq "$1" ] || { echo "exit $got, not $1"; cat out err; return 1; }
}

tokens_shown() {
	grep -lE 'CJSP|na1-|sandbox-secret|hub-secret|cert-secret' out err log 2>/dev/null
}

# ---- what cannot be connected ---------------------------------------------------
: >log
check 'no name: 2' status 2 "$program" connect
check 'a name that is nearly one: 2' status 2 "$program" connect acadmy
check 'which is said' grep -q "did you mean 'academy'" err
check 'an account that has no oauth: 2' status 2 "$program" connect certifier
check 'which is said, too' grep -q "no 'oauth:' in the rules" err
check '--paste and --listen: 2' status 2 "$program" connect academy --paste --listen 127.0.0.1:0
check 'a place that is none: 2' status 2 "$program" connect academy --listen nowhere
check 'without the secret: 3' status 3 env -u HUBSPOT_CLIENT_SECRET "$program" connect academy --paste
check 'which names it' grep -q "'HUBSPOT_CLIENT_SECRET'" err
check 'a name that is like none: 2' status 2 "$program" connect xyzzy
check 'the one that there is is named' grep -q 'connected over OAuth is academy$' err
check 'pull without a state: 3' status 3 "$program" pull --state none.db
check 'says what makes one' grep -q "run 'hs2cert connect academy'" err
check 'nobody pastes anything: 3' status 3 sh -c "'$program' connect academy </dev/null"
check 'and says so' grep -q 'nothing was pasted that helps' err
echo na1-code-of-before >code
check 'a file answers nothing, either: 3' status 3 sh -c "'$program' connect academy --paste <code"
check 'and says so, too' grep -q 'nothing was pasted that helps' err
check 'the daemon does not start without a grant: 3' status 3 "$program" run --once
check 'and says what to do' grep -q "run 'hs2cert connect academy'" err
check 'nor does pull: 3' status 3 "$program" pull
check 'with the same words' grep -q "run 'hs2cert connect academy'" err

check 'a stdin that is closed is one that says nothing: 3' status 3 sh -c "exec '$program' connect academy --paste <&-"
check 'which is said' grep -q 'nothing was pasted that helps' err

# ---- by the callback ---------------------------------------------------------------
connect --listen "127.0.0.1:$port"
check 'a second one finds the port taken: 3' status 3 sh -c "'$program' connect academy --listen 127.0.0.1:$port </dev/null"
check 'and says what else there is' grep -q 'paste the answer: --paste' err
"$program" connect --help >help
check 'the address asks for what rules need' sh -c "echo '$ask' | grep -q 'crm.objects.contacts.read%20crm.schemas.contacts.read%20crm.lists.read'"
check 'with a challenge' sh -c "echo '$ask' | grep -q '&code_challenge=.*&code_challenge_method=S256'"
: >err
check 'a page beside it is none' [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/favicon.ico")" = 404 ]
check 'a wrong state is refused' [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/callback?code=x&state=y")" = 400 ]
back=$(agreed)
check 'the right one is taken' [ "$(curl -s -o page -w '%{http_code}' "$back")" = 200 ]
check 'and the page says so' grep -q 'The answer has arrived' page
check 'connected: 0' ends 0
check 'it says to which portal' grep -q '^academy: connected to portal 1234567 (sandbox.example)$' out
check 'with which scopes' grep -q '^scopes: oauth crm.objects.contacts.read crm.schemas.contacts.read crm.lists.read$' out
check 'and what is next' grep -q '^next: hs2cert run$' out
check 'nothing secret was said' [ -z "$(tokens_shown)" ]
check 'the state is for its owner only' sh -c "! ls -l hs2cert.db* | grep -v '^-rw-------'"

# ---- the daemon lives on it -----------------------------------------------------------
check 'pull reads the account: 0' status 0 "$program" pull
check 'so does validate --online: 0' status 0 "$program" validate --online
"$program" doctor >out
check 'a doctor knows what it may do' grep -q 'academy *scopes *crm.objects.contacts.read, crm.lists.read' out
start_daemon --log-level debug
soon grep -q 'rules loaded' log
soon [ -n "$(sed -n 's/.*rule activated//p' log)" ]
act set '{"contact":103,"property":"membership_tier","value":"Silver"}'
check 'a change earns a credential' soon state_is tier sent 1
check 'a rehearsal of reconcile reads it' sh -c "'$program' reconcile --dry-run >out 2>err; [ \$? -le 1 ] || { cat err; false; }"

# ---- the app is uninstalled, and connected anew beside the daemon --------------------------
act revoke '{}'
check 'the daemon says what to do' soon grep -q 'hs2cert connect academy' log
act set '{"contact":103,"property":"membership_tier","value":"Gold"}'
connect --json
check 'as JSON the address is a member' sh -c "head -n 1 out | grep -q '^{\"account\":\"academy\",\"url\":\"http'"
agreed >&3
echo >&3
check 'a pasted address: 0' ends 0
check 'told as JSON' grep -q '"portal":"1234567","domain":"sandbox.example","scopes":\["oauth",.*"replaced":true,"daemon":true}$' out
check 'what happened meanwhile is not lost' soon state_is tier sent 2
kill "$daemon" && wait "$daemon"
daemon=

# ---- pasting -----------------------------------------------------------------------------
connect --paste
echo 'http://localhost/callback?code=na1-code-x&state=wrong' >&3
check 'a wrong state is told' soon grep -q 'its state is not that of this attempt' err
echo 'http://localhost/callback?nothing=1' >&3
check 'an address without a code, too' soon grep -q 'not taken: it holds no code' err
{ agreed | sed 's/.*[?&]code=\([^&]*\).*/\1/'; echo; } >&3
check 'the code alone is taken: 0' ends 0
connect
echo "http://localhost:$port/callback?error=access_denied&error_description=the%20user%20said%20no&$(echo "$ask" | grep -o 'state=[^&]*')" >&3
check 'who says no: 1' ends 1
check 'which is told' grep -q 'it was not granted: access_denied: the user said no; nothing was changed' err
connect
code=$(agreed | sed 's/.*[?&]code=\([^&]*\).*/\1/')
echo "$code" >&3
check 'once: 0' ends 0
connect
echo "$code" >&3
check 'a code that was used: 1' ends 1
check 'is told so' grep -q 'BAD_AUTH_CODE' err
export HUBSPOT_CLIENT_SECRET=not-the-secret
connect
agreed >&3
echo >&3
check 'a wrong client secret: 1' ends 1
check 'is told by its key' grep -q 'BAD_CLIENT_SECRET: the client-secret is not' err
export HUBSPOT_CLIENT_SECRET=sandbox-secret
connect
{ agreed; echo '&padding=x'; } >&3
check 'what else the address holds does not matter: 0' ends 0

# ---- scopes and portals ---------------------------------------------------------------------
connect
curl -s -o /dev/null -w '%{redirect_url}\n' --data-urlencode decision=grant --data-urlencode 'scope=oauth crm.objects.contacts.read' \
	-d "$(echo "$ask" | sed 's/.*?//; s/&scope=[^&]*//')" "$url/hubspot/oauth/authorize" >&3
check 'a scope that a rule needs is missing: 1' ends 1
check 'it is named' grep -q "the grant lacks crm.lists.read, which rule 'graduates' needs" err
act option '{"name":"oauth_hub_id","value":"7654321"}'
connect
agreed >&3
echo >&3
check 'another portal: 1' ends 1
check 'both are named' grep -q "was connected to portal 1234567, sandbox.example, and this is portal 7654321" err
connect --replace
agreed >&3
echo >&3
check 'unless that is meant: 0' ends 0
check 'now it is that one' grep -q 'connected to portal 7654321' out
check 'nothing secret was ever said' [ -z "$(tokens_shown)" ]
check 'nor is it in the command line of anybody' sh -c "! ps -o args= -e | grep -E 'na1-|CJSP' | grep -vq grep"

conclude connect
