#!/bin/sh
# The admin endpoint of `run`, on its Unix socket and on TCP: what it tells, reloads, and who it turns away.
metrics_awk=$(dirname "$(realpath "$0")")/metrics.awk
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
write_rules 0s
act option '{"name":"index_lag_ms","value":"0"}'
unset HS2CERT_ADMIN HS2CERT_ADMIN_TOKEN HS2CERT_ADMIN_TOKEN_FILE

# ask PATH [CURL OPTION…]: body to `out`, head to `head`; whether it was answered at all.
ask() {
	path=$1
	shift
	curl -s -m 20 -D head -o out --unix-socket hs2cert.db.sock "$@" "http://localhost$path"
}
answers() { # STATUS PATH [CURL OPTION…]
	want=$1
	shift
	ask "$@" && grep -q "^HTTP/1.1 $want " head || { cat head out; return 1; }
}
post='-X POST -H Content-Type:application/json'

check 'no daemon: reload says so, 3' status 3 "$program" reload
check 'and says where it looked' grep -q "no daemon: there is no 'hs2cert.db.sock'" err
start_daemon
check 'the socket is there' soon test -S hs2cert.db.sock
check 'its owner only' test "$(stat -c %a hs2cert.db.sock)" = 600
check 'health' answers 200 /health
check 'says ok' grep -qx '{"status":"ok"}' out
check 'ready' soon answers 200 /ready
check 'names accounts' grep -q '"accounts":{"certifier":"fine","hubspot":"fine"}' out
check 'nothing of it is kept or shown elsewhere' grep -qi '^cache-control: no-store' head
check 'HEAD' answers 200 /ready -I

# ---- what it tells
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
check 'a credential' soon state_is tier sent 1
check 'live' answers 200 /live
check 'counts what was decided' grep -q '"delays":{"decision":{"count":1,' out
check 'and what was issued' grep -q '"credential":{"count":1,' out
check 'and requests' grep -q '"account":"certifier".*"calls":{"ok":[3-9]' out
check 'status' answers 200 /status
check 'its rules' grep -q '"rules":\[{"kind":"rule","rule":"graduates".*"rule":"tier","mode":"live".*"events":1,"fired":1' out
check 'the command beside it' status 0 "$program" status
check 'since when it runs' grep -q "^daemon  *running, pid $daemon, for [0-9]" out
check 'the rules of the folder' grep -q '^folder  *has the rules in force$' out
check 'its health' grep -q '^account  *hubspot: fine, [0-9]* of 100 requests left, [0-5] of 5 searches left$' out
check 'its delays' grep -q '^delay  *from change to credential: half within [0-9]*[sm], ' out
"$program" status --json >out
check 'and as JSON' grep -q '^{"kind":"live","version":"' out
hash=$(sed -n 's/.*"kind":"live".*"table":"\([0-9a-f]*\)".*/\1/p' out)
check 'no address in any of it' sh -c "! grep -q '@' out"

check 'metrics' answers 200 /metrics
check 'as Prometheus reads them' awk -f "$metrics_awk" out
[ -z "${PROMTOOL:-}" ] || check 'promtool finds nothing' sh -c '[ -z "$("$PROMTOOL" check metrics <out 2>&1)" ]'
check 'by content type' grep -qi '^content-type: text/plain; version=0.0.4' head
check 'what was decided' grep -qx 'hs2cert_decisions_total{outcome="fired"} 1' out
check 'what was issued' grep -qx 'hs2cert_issuances{state="sent"} 1' out
check 'how long it took' grep -qx 'hs2cert_credential_delay_seconds_count 1' out
check 'rules' grep -qx 'hs2cert_rules{mode="live"} 2' out
check 'requests' grep -q '^hs2cert_requests_total{account="certifier",outcome="ok"} [3-9]$' out

# ---- reloads
cp rules.d/10-rules.yaml kept
sed -i 's/rule: tier/rule: tier\nmode: lve/' rules.d/10-rules.yaml
check 'rules that are wrong: 1' status 1 "$program" reload
check 'the finding, as validate shows it' grep -q '^rules.d/10-rules.yaml:2:7: error: .*\[unknown-value\]$' out
"$program" validate >shown
check 'to the letter' sh -c 'head -n 4 shown >a; head -n 4 out >b; cmp a b'
check 'what stays' grep -q "^not reloaded: 1 error; table $(echo "$hash" | cut -c1-12) stays in force$" out
check 'as JSON: 1' status 1 "$program" reload --json
check 'as validate gives it' grep -q '^{"reloaded":false,.*"diagnostics":\[{"file":"rules.d/10-rules.yaml","line":2,"column":7,.*"files":2,"rules":2,"errors":1,"warnings":0}$' out
check 'metrics say so' sh -c "curl -s --unix-socket hs2cert.db.sock http://localhost/metrics | grep -qx 'hs2cert_last_reload_successful 0'"
check 'over HTTP: 422' answers 422 /reload $post
check 'status says so' sh -c "'$program' status | grep -q '^reload  *refused 20.*: 1 error$'"
check 'the folder is wrong' sh -c "'$program' status | grep -q '^folder  *has rules that are wrong'"
check 'it is ready all the same' answers 200 /ready
sed 's/settle: 0s/settle: 1s/' kept >rules.d/10-rules.yaml
check 'the folder has other rules' sh -c "'$program' status | grep -q '^folder  *has other rules'"
check 'rules that are right: 0' status 0 "$program" reload
check 'told in a line' grep -q '^reloaded: 2 rules, 2 accounts, table [0-9a-f]\{12\}$' out
check 'they are in force' sh -c "'$program' status | grep -q '^folder  *has the rules in force$'"
check 'a refusal is over' sh -c "! '$program' status | grep -q '^reload'"
check 'over HTTP: 200' answers 200 /reload $post
check 'an unreadable folder: 1' sh -c "mv rules.d away; '$program' reload >out; [ \$? -eq 1 ] && mv away rules.d"
check 'with the reason' grep -q "cannot open 'rules.d'" out
mkdir away
mv rules.d/*.yaml away
check 'a folder that was emptied: 1' status 1 "$program" reload
check 'with the reason, and what to do' grep -q "^no rule in 'rules.d', and 2 in force: .* To end them, write 'mode: off' in each" out
check 'and they stay' grep -q 'stays in force$' out
check 'plan says that before' sh -c "'$program' plan >out; grep -q '^a reload and a start would refuse this' out"
mv away/00-accounts.yaml rules.d
check 'accounts alone are no rules' status 1 "$program" reload
sed 's/^rule: .*/&\nmode: off/' away/10-rules.yaml >rules.d/10-rules.yaml
check 'rules that are off are meant so' status 0 "$program" reload
rm rules.d/10-rules.yaml
check 'where none is in force, none is missed' status 0 "$program" reload
cp away/10-rules.yaml rules.d
check 'and back' status 0 "$program" reload
kill -HUP "$daemon"
check 'SIGHUP goes the same way' soon sh -c "curl -s --unix-socket hs2cert.db.sock http://localhost/live | grep -q '\"refused\":false,\"at\":\"20'"

# ---- whom it turns away
check 'GET never reloads: 405' answers 405 /reload
check 'nor does HEAD' answers 405 /reload -I
check 'a page is not posted to' answers 405 /status $post
check 'another name (a rebound one)' answers 421 /health -H 'Host: evil.example'
check 'a page of another site' answers 403 /reload $post -H 'Origin: https://evil.example'
check 'also one that only reads' answers 403 /status -H 'Origin: https://evil.example'
check 'and as the browser says it' answers 403 /status -H 'Sec-Fetch-Site: cross-site' -H 'Sec-Fetch-Mode: cors'
check 'a form' answers 415 /reload -X POST -d x=1
check 'DELETE' answers 405 /status -X DELETE
check 'what is not there' answers 404 /etc/passwd
check 'no way up' answers 404 /../hs2cert.db --path-as-is
head -c 70000 /dev/zero | tr '\0' x >huge
check 'a huge body: 413' answers 413 /reload $post --data-binary @huge
check 'a huge head: no answer but a refusal' sh -c "! curl -s -f -m 20 -o out --unix-socket hs2cert.db.sock -H \"X: \$(cat huge)\" http://localhost/health"
check 'and it serves on' answers 200 /health

# Clients that say half a word and hang: they take connections, not the loop.
node -e '
const net = require("net");
let open = 0;
for (let i = 0; i < 20; i++)
	net.connect("hs2cert.db.sock", function () {
		this.write("POST /reload HTTP/1.1\r\nHost: local");
		if (++open === 20) require("fs").writeFileSync("hanging", "");
	}).on("error", () => {});
setTimeout(() => {}, 60000);
' &
hanging=$!
check 'twenty clients hang' soon test -e hanging
check 'others are answered' answers 200 /health
act set '{"contact":102,"property":"membership_tier","value":"Gold"}'
check 'and credentials are issued' soon state_is tier sent 2
kill "$hanging"

# ---- a second daemon
check 'a second one on the same state: 3' status 3 "$program" run
check 'the first has its socket still' answers 200 /health
mkdir other
check 'on another state, the same socket: 3' status 3 "$program" run --state other/state.db --admin hs2cert.db.sock
check 'says why' grep -q "admin: cannot listen on 'hs2cert.db.sock': Address already in use" err
kill "$daemon"
wait "$daemon"
check 'a stop takes the socket away' test ! -e hs2cert.db.sock

# ---- TCP, and none
check 'TCP without a token: 2' status 2 "$program" run --admin 127.0.0.1:0
check 'says what to do' grep -q 'needs a token in \$HS2CERT_ADMIN_TOKEN or in the file' err
check 'a short token: 2' env HS2CERT_ADMIN_TOKEN=short sh -c "'$program' run --admin 127.0.0.1:0 2>err; [ \$? -eq 2 ]"
check 'with --once: 2' status 2 "$program" run --once --admin off
echo correct-horse-battery >token
chmod 644 token
export HS2CERT_ADMIN_TOKEN_FILE=token
: >log
start_daemon --admin 127.0.0.1:0 --admin-hosts ops.example
check 'TCP with a token file' soon grep -q 'admin endpoint at=127.0.0.1:0 port=' log
check 'that everybody can read' grep -q 'warn .*everybody on this machine can read a secret: .* file=token$' log
port=$(sed -n 's/.*admin endpoint.* port=\([0-9]*\).*/\1/p' log)
tcp() { # STATUS CURL OPTION…
	want=$1
	shift
	got=$(curl -s -m 20 -D head -o out -w '%{http_code}' "$@" "http://127.0.0.1:$port/health")
	[ "$got" = "$want" ] || { echo "$got, not $want"; return 1; }
}
check 'no token: 401' tcp 401
check 'asks a browser for one' grep -qi '^www-authenticate: basic realm="hs2cert"' head
check 'a wrong one: 401' tcp 401 -H 'Authorization: Bearer correct-horse-batterz'
check 'the right one' tcp 200 -H 'Authorization: Bearer correct-horse-battery'
check 'as a browser sends it' tcp 200 -u ops:correct-horse-battery
check 'a name that is allowed' tcp 200 -u ops:correct-horse-battery -H "Host: ops.example:$port"
check 'one that is not' tcp 421 -u ops:correct-horse-battery -H 'Host: evil.example'
check 'no socket besides' test ! -e hs2cert.db.sock
check 'reload over TCP: 0' status 0 "$program" reload --admin "127.0.0.1:$port"
check 'with a wrong token: 3' env HS2CERT_ADMIN_TOKEN_FILE= HS2CERT_ADMIN_TOKEN=another-horse-battery sh -c "'$program' reload --admin 127.0.0.1:$port 2>err; [ \$? -eq 3 ]"
check 'says so' grep -q 'the daemon answers 401: the token is missing, or it is another one' err
check 'the token is nowhere' sh -c "! grep -rq correct-horse log out head err"
kill "$daemon"
wait "$daemon"
: >log
start_daemon --admin off
check 'off: it runs' soon grep -q 'rules loaded' log
check 'and nothing listens' sh -c '! grep -q "admin endpoint" log && [ ! -e hs2cert.db.sock ]'
check 'status works without it' status 0 "$program" status
conclude admin
