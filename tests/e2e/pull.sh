#!/bin/sh
# `pull` and the lock file; `validate` with it, offline and --online; what changes in the accounts is told in words.
docs=$(realpath "$(dirname "$0")/../../docs/RULES.md")
examples=$(realpath "$(dirname "$0")/../../rules.d")
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
act option '{"name":"rate_limits","value":"false"}'
lock=rules.d/hs2cert.lock

# ---- the examples' lock is the one of the built-in accounts -------------------
mkdir rules.d
cp "$examples"/*.yaml rules.d/
sed -e "s|# base-url: .*/hubspot.*|base-url: $url/hubspot|" -e "s|# base-url: .*/certifier/v1.*|base-url: $url/certifier/v1|" \
	-e 's|2.5/s|100/s|' "$examples/00-accounts.yaml" >rules.d/00-accounts.yaml
check 'a check without a lock: 1' status 1 "$program" pull --check
check 'says that there is none' grep -q "hs2cert.lock is not there yet: run 'hs2cert pull'" out
check 'and makes none' [ ! -e $lock ]
check 'the first pull: 0' status 0 "$program" pull
check 'says what there is' grep -qE '^hubspot: [0-9]+ properties, 2 lists$' out
check 'and what is next' grep -q '^rules.d/hs2cert.lock written; next: hs2cert validate$' out
check 'everybody may read it' [ "$(stat -c %a $lock)" = 644 ]
check 'it is no rule file: 1' status 1 "$program" validate $lock
check 'and that is said, alone' sh -c "grep -q 'hs2cert.lock:1:1: error: this is the lock file' out && grep -q '0 rules: 1 error, 0' out"
check 'no secret is in it' sh -c "! grep -q secret-token $lock"
check 'the lock of the examples is that of the built-in accounts' diff "$examples/hs2cert.lock" $lock
check 'the examples are valid with it: 0' status 0 "$program" validate --deny-warnings
check 'and online: 0' status 0 "$program" validate --online --deny-warnings

# ---- nothing has changed -------------------------------------------------------
stat -c '%i %Y %s' $lock >before
check 'a second pull: 0' status 0 "$program" pull
check 'is told so' grep -q 'is up to date$' out
stat -c '%i %Y %s' $lock >after
check 'and leaves the file alone' diff before after
check 'so does a check: 0' status 0 "$program" pull --check
check 'as JSON there is nothing to say: 0' status 0 "$program" pull --json
check 'not a word' [ ! -s out ]

# ---- the accounts change ---------------------------------------------------------
cp $lock kept
act property '{"name":"membership_tier","label":"Tier of member","type":"enumeration","options":["Bronze=Bronze","Silver=Silver member"]}'
act property '{"name":"course_level","label":"Level","type":"number"}'
act property-delete '{"name":"course_score"}'
act list-rename '{"list":4712,"name":"Members"}'
act list-delete '{"list":4711}'
check 'offline nothing is known of it: 0' status 0 "$program" validate
check 'a check finds the lock behind: 1' status 1 "$program" pull --check
check 'told in words: a label' grep -q "~ property 'membership_tier' is called 'Tier of member' now, was 'Membership tier'" out
check 'an option that is gone' grep -q -- "- option 'Gold' of property 'membership_tier' is gone: Gold member" out
check 'an option that is called otherwise' grep -q "~ option 'Bronze' of property 'membership_tier' is called 'Bronze' now, was 'Bronze member'" out
check 'a property that is gone' grep -q -- "- property 'course_score' is gone: Course score" out
check 'a property that is new' grep -q "+ property 'course_level' is new: Level" out
check 'a list that is gone' grep -q -- "- list '4711' is gone: Graduates 2026" out
check 'a list that is called otherwise' grep -q "~ list '4712' is called 'Members' now, was 'Active members'" out
check 'what to do' grep -q "is behind the accounts: run 'hs2cert pull'" out
check 'as docs/RULES.md shows it' sh -c "awk '
	/^<!-- tests\/e2e\/pull.sh: changes -->/ { here = 1 }
	here && /^\`\`\`/ { inside++ }
	inside == 2 { exit }
	inside && !/^\`\`\`/ && !/^\\$/' '$docs' | diff - out"
check 'the file is as it was' diff kept $lock
check 'the same as JSON: 1' status 1 "$program" pull --check --json
check 'a line for each' [ "$(grep -c '^{"change":' out)" -eq 7 ]
check 'with all that there is to know' grep -qxF '{"change":"gone","account":"hubspot","kind":"property","key":"membership_tier","option":"Gold","was":"Gold member","now":null}' out

check 'validate --online: 1' status 1 "$program" validate --online
check 'the option that the rule waits for' grep -q "option 'Gold' of 'membership_tier' does not exist any more \[unknown-option\]" out
check 'the list' grep -q "list '4711' does not exist any more in account 'hubspot' \[unknown-list\]" out
check 'the property of the filter' grep -q "property 'course_score' does not exist any more in account 'hubspot' \[unknown-property\]" out
check 'the lock is behind' grep -q "hs2cert.lock:.*warning: 7 names have changed since the last pull \[not-pulled\]" out
check 'the rules are named' grep -qx 'rules that these names make quiet: tier-badge, graduates-2026, course-completed' out
check 'the same as JSON: 1' status 1 "$program" validate --online --json
check 'with the rule' grep -q '"code":"unknown-list","message":"[^"]*","hint":"[^"]*","rule":"graduates-2026"' out
check 'nothing was written' diff kept $lock
check 'pull: 0' status 0 "$program" pull
check 'the lock is a new one' sh -c "! diff -q kept $lock >/dev/null"
check 'now offline, too: 1' status 1 "$program" validate
check 'with the names of the lock' grep -q "unknown property 'course_score' \[unknown-property\]" out
check 'a daemon does not start with them: 1' status 1 "$program" run --once
check 'and says the same' grep -q "unknown property 'course_score' \[unknown-property\]" err

# ---- a damaged lock -----------------------------------------------------------------
cp $lock good
echo '<<<<<<< ours' >>$lock
check 'a merge left something: 1' status 1 "$program" validate
check 'with its place' grep -qE '^rules.d/hs2cert.lock:[0-9]+:1: error: ' out
check 'pull --check: 1' status 1 "$program" pull --check
check 'says what it is' grep -qx "rules.d/hs2cert.lock is damaged: run 'hs2cert pull'" out
check 'and no more than is so' grep -qx 'hs2cert pull: rules.d/hs2cert.lock is damaged' err
check 'pull writes it anew: 0' status 0 "$program" pull
check 'as it was' diff good $lock

head -c 9000000 /dev/zero | tr '\0' '#' >$lock
check 'a lock that is too large: 1' status 1 "$program" validate
check 'is told' grep -qE '^rules.d/hs2cert.lock:1:1: error: the file is larger than [0-9]+ bytes \[too-large\]' out
check 'pull --check, too: 1' status 1 "$program" pull --check
check 'and what it is' grep -qx "rules.d/hs2cert.lock is damaged: run 'hs2cert pull'" out
check 'pull writes it anew, too: 0' status 0 "$program" pull
check 'and it is as it was' diff good $lock

# ---- accounts that do not answer ----------------------------------------------------
fails() {	# WORDS PATTERN: pull fails, says so, and leaves the lock
	check "$1: 3" status 3 "$program" pull
	check "$1: told" grep -qE "$2" err
	check "$1: the lock is as it was" diff good $lock
	act faults-clear '{}'
}
act property '{"name":"another","label":"Another"}'
act fault '{"call":"properties","fault":"status","status":401,"times":9}'
fails 'a token that is refused' "account 'hubspot': properties: 401 the token is not accepted"
act fault '{"call":"list-search","fault":"status","status":403,"times":9}'
fails 'a scope that is missing' "account 'hubspot': lists: 403, the token lacks a scope: crm.lists.read"
act fault '{"call":"groups","fault":"status","status":403,"times":9}'
fails 'a workspace that says no' "account 'certifier': groups: 403"
act fault '{"call":"properties","fault":"status","status":429,"retry_after":3600,"times":9}'
fails 'a limit that lasts' "account 'hubspot': .*asks to come back in 1h"
check 'no secret: 3' status 3 env -u HUBSPOT_TOKEN "$program" pull
check 'is told' grep -q HUBSPOT_TOKEN err
check 'none at all: 3' status 3 env -u HUBSPOT_TOKEN -u CERTIFIER_TOKEN "$program" pull
check 'each is told' grep -q "'CERTIFIER_TOKEN' is not set; account .*'HUBSPOT_TOKEN' is not set" err
act fault '{"call":"properties","fault":"cut-after","times":1}'
act fault '{"call":"groups","fault":"garbage","times":1}'
act fault '{"call":"list-search","fault":"status","status":429,"times":1}'
check 'what passes is waited out: 0' status 0 "$program" pull
check 'the lock is up to date' grep -q "  another: { label: \"Another\", type: string, field: text }" $lock

# ---- accounts alone ------------------------------------------------------------------
echo 'rule: half-' >rules.d/99-half.yaml
check 'rules that are not right are no obstacle: 0' status 0 "$program" pull
echo 'account: hubspot' >rules.d/98-account.yaml
check 'accounts that are not right are: 1' status 1 "$program" pull
check 'with their place' grep -q '^rules.d/98-account.yaml:1:' err
check 'a folder that is not there: 3' status 3 "$program" pull --rules nowhere
conclude pull
