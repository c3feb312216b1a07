#!/bin/sh
# The status page, clicked through in a real Chromium. $1: the program; $2: a folder for screenshots, or nothing.
# Needs chromium and chromium-driver, so it has a target of its own: `make page-check`.
here=$(dirname "$(realpath "$0")")
shots=${2:+$(realpath "$2")}
. "$here/../e2e/stage.inc"
start_sandbox
write_rules 0s
cat >>rules.d/10-rules.yaml <<-'END'
	---
	rule: never
	description: "<img src=x onerror=pwned=1> & 'others'"
	trigger:
	  event: property-changed
	  property: membership_tier
	  settle: 0s
	  filters:
	    - { property: country, in: [PL, DE] }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
END
export HS2CERT_ADMIN_TOKEN=correct-horse-battery
act option '{"name":"index_lag_ms","value":"0"}'
act fault '{"call":"create","fault":"status","status":422,"times":1}'
start_daemon --admin 127.0.0.1:0
soon grep -q 'admin endpoint at=127.0.0.1:0 port=' log || exit 1
port=$(sed -n 's/.*admin endpoint.* port=\([0-9]*\).*/\1/p' log)
soon sh -c "curl -s -u :$HS2CERT_ADMIN_TOKEN http://127.0.0.1:$port/status | grep -q looked_up_to" || exit 1
act set '{"contact":102,"property":"country","value":"\"><script>pwned=2</script>"}'
act set '{"contact":102,"property":"membership_tier","value":"Gold"}'
soon state_is tier refused 1 || exit 1
for contact in 101 103; do
	act set "{\"contact\":$contact,\"property\":\"country\",\"value\":\"US\"}"
	act set "{\"contact\":$contact,\"property\":\"membership_tier\",\"value\":\"Gold\"}"
	act join "{\"list\":4711,\"contact\":$contact}"
done
soon state_is tier sent 2 || exit 1
soon state_is graduates sent 2 || exit 1
node "$here/page.mjs" "http://ops:$HS2CERT_ADMIN_TOKEN@127.0.0.1:$port" $shots
