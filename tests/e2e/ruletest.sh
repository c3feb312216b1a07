#!/bin/sh
# hs2cert test: what it runs, what it refuses with which words and status, and what it writes.
root=$(realpath "$(dirname "$0")/../..")
. "$(dirname "$(realpath "$0")")/stage.inc"
unset HUBSPOT_TOKEN CERTIFIER_TOKEN

# has WORDS: whether the last command printed them.
has() {
	grep -qF -- "$1" out || { cat out err; return 1; }
}

cp -r "$root/rules.d" rules.d
check 'the examples, without a secret' status 0 "$program" test
check 'says how many' grep -qE '^[0-9]+ tests: [0-9]+ ok, 0 failed$' out
cp out first
check 'the same once more' status 0 "$program" test
check 'bit by bit' cmp -s first out
check 'a timeline' status 0 "$program" test --verbose --run 'silver, then gold within a minute'
check 'with its steps' has '+0:00:20  step      set contact: 101, membership_tier: Gold'
check 'with its issuances' has 'issuance  1 tier-badge, contact 101: sent'
cp out first
check 'the same timeline' sh -c "'$program' test --verbose --run 'silver, then gold within a minute' | cmp -s - first"
check 'no colour but on a terminal' sh -c "! grep -q \"\$(printf '\\033')\" first"
check 'colour on a terminal' sh -c "script -qec \"'$program' test\" /dev/null | grep -q \"\$(printf '\\033\\[32mok')\""
check 'no state is left behind' [ ! -e hs2cert.db ]
check 'no network is asked' sh -c "command -v unshare >/dev/null && unshare -rn true 2>/dev/null || exit 0; unshare -rn '$program' test >/dev/null"
check 'from another folder' status 0 "$program" test --rules rules.d rules.d/tests/20-graduates.yaml rules.d/tests/90-trainer.yaml
check 'only those files' grep -qx '4 tests: 4 ok, 0 failed' out

# ---- a selection ------------------------------------------------------------------

check 'part of a name, capitals or not' status 0 "$program" test --run 'NO ADDRESS'
check 'is one' grep -qx '1 test: 1 ok, 0 failed' out
check 'an empty selection' status 1 "$program" test --run 'nothing like it'
check 'says so' grep -q "no test is called 'nothing like it'" err
check 'a slip of the hand' status 1 "$program" test --run 'no addres, no diploma'
check 'is told what was meant' grep -q "did you mean 'no address, no diploma'?" err
check 'a file that is not there' status 3 "$program" test rules.d/tests/nowhere.yaml
check 'rules that are not there' status 3 "$program" test --rules nowhere
mkdir empty
check 'a folder without tests' status 1 "$program" test empty
check 'is an error' has "no test files in 'empty' [no-tests]"
check 'and how one looks is said' has "'hs2cert validate --explain no-tests' shows a rule test"
echo '# nothing' >empty/nothing.yaml
check 'a file without tests' status 1 "$program" test empty
check 'is one, too' has '[no-tests]'
mv rules.d/tests away
check 'no folder tests' status 3 "$program" test
mv away rules.d/tests
check 'a wrong zone' status 2 "$program" test --timezone Mars/Olympus
check 'a test by the zone' status 1 "$program" test --timezone Pacific/Pago_Pago
check 'in which the day is another' has "issue-date is '2026-01-04', not '2026-01-05'"

# ---- files that are wrong -----------------------------------------------------------

cat >wrong.yaml <<'END'
test: one
contacts: [ { id: 1 } ]
expect: [ { rule: tier-bagde, contact: 1 } ]
---
test: one
expect: [ { rule: tier-badge, contact: 2, custom.teir: x } ]
END
check 'every mistake of a file' status 1 "$program" test wrong.yaml
for code in unknown-rule duplicate-test unknown-contact unknown-field; do
	check "names $code" has "[$code]"
done
check 'nothing was run' sh -c '! grep -q "ok$\|failed$" out'
check 'as JSON' status 1 "$program" test wrong.yaml --json
check 'one object' sh -c "[ \$(wc -l <out) -eq 1 ] && grep -q '\"errors\":4' out"
cat >slip.yaml <<'END'
test: a slip of the hand
contacts: [ { id: 1, email: ana@example.org, membershp_tier: Gold } ]
expect: []
END
check 'a property that the lock does not have' status 1 "$program" test slip.yaml
check 'with the one that was meant' sh -c "grep -q \"slip.yaml:2:46: error: unknown property 'membershp_tier' .unknown-property.\" out && grep -q \"did you mean 'membership_tier'?\" out"
check 'without a lock nobody can tell' sh -c "mv rules.d/hs2cert.lock . && '$program' test slip.yaml >out; said=\$?; mv hs2cert.lock rules.d; [ \$said -eq 0 ]"
echo 'rule: [' >rules.d/99-broken.yaml
check 'rules that are wrong' status 1 "$program" test
check 'are told as validate does' has 'rules.d/99-broken.yaml:1:7: error:'
rm rules.d/99-broken.yaml

# ---- a test that fails -----------------------------------------------------------------

cat >fails.yaml <<'END'
test: <Ana> & "Ben"
contacts: [ { id: 1, email: ana@example.org, country: CZ } ]
steps: [ { at: 0s, set: { contact: 1, membership_tier: Gold } } ]
expect: [ { rule: tier-badge, contact: 1 } ]
END
check 'a test that fails' status 1 "$program" test fails.yaml rules.d/tests --junit out.xml
check 'says what was expected, and where' has 'expected  rule: tier-badge, contact: 1  (fails.yaml:4)'
check 'and why not' has 'country in [PL, DE, FR] does not hold'
check 'the others run all the same' grep -qE '^[0-9]+ tests: [0-9]+ ok, 1 failed$' out
check 'JUnit is written' grep -qF '<testcase name="&lt;Ana&gt; &amp; &quot;Ben&quot;"' out.xml
check 'with one failure' sh -c "[ \$(grep -c '<failure ' out.xml) -eq 1 ] && grep -q '<testsuites name=\"hs2cert test\" tests=\"[0-9]*\" failures=\"1\" errors=\"0\">' out.xml"
check 'and a case for each test' sh -c "[ \$(grep -c '<testcase ' out.xml) -eq \$(sed -n 's/^\\([0-9]*\\) tests: .*/\\1/p' out) ]"
if command -v xmllint >/dev/null; then
	check 'which is XML' xmllint --noout out.xml
fi
echo 'test: [' >broken.yaml
check 'a file that is wrong' status 1 "$program" test broken.yaml --junit out.xml
check 'leaves no report of an earlier run' sh -c "! grep -q '<testcase ' out.xml && grep -q ' tests=\"0\" ' out.xml"
rm broken.yaml
check 'JUnit where it cannot be' status 3 "$program" test --junit nowhere/out.xml
check 'as JSON' status 1 "$program" test fails.yaml --json
check 'an object for the test and one for all' sh -c "[ \$(wc -l <out) -eq 2 ] && grep -q '\"test\":\"<Ana> & .*\"passed\":false' out && grep -qx '{\"tests\":1,\"passed\":0,\"failed\":1}' out"
check 'no mutants of tests that fail' status 1 "$program" test fails.yaml --mutate
check 'says so' grep -q 'needs tests that pass' err

# ---- coverage -----------------------------------------------------------------------------

check 'the examples are covered' status 0 "$program" test --min-coverage 100
check 'says so' grep -qE '^coverage: 100 % \(([0-9]+) of \1\)$' out
check 'a part of them is less' status 1 "$program" test rules.d/tests/20-graduates.yaml --min-coverage 90
check 'is told' grep -qE 'a coverage of [0-9]+ % is less than 90 %' err
check 'with what is missing' has "rules.d/40-membership.yaml:3:1  membership-card: earned nothing"
check 'without a threshold it is no finding' status 0 "$program" test rules.d/tests/20-graduates.yaml --coverage
check 'as JSON' status 0 "$program" test --coverage --json
check 'an object of its own' grep -q '^{"coverage":100,"rules":{"covered":5,"of":5},.*"missing":\[\]}$' out
check 'no percentage' status 2 "$program" test --min-coverage 101

# ---- mutants -----------------------------------------------------------------------------

check 'no mutant of the examples passes' status 0 "$program" test --mutate
check 'says how many' grep -qE '^mutants: ([0-9]+) of \1 noticed$' out
rm rules.d/tests/90-trainer.yaml
check 'without the tests of a rule' status 1 "$program" test --mutate
check 'its mutants live' has "rules.d/90-trainer-shadow.yaml:13:7  trainer: 'trainer_topics has safety' negated"

# ---- other rules meanwhile -----------------------------------------------------------------

mkdir later
cat >later/10-tier-badge.yaml <<'END'
rule: tier-badge
trigger: { event: property-changed, property: membership_tier, to: Bronze }
action: { do: issue-credential, group: 01hsq6mmf8cw0v6zzh5p3a2k1d }
END
cat >reload.yaml <<'END'
test: another tier
contacts: [ { id: 1, email: ana@example.org, country: PL } ]
steps:
  - { at: 0s, set: { contact: 1, membership_tier: Gold } }
  - { at: 1h, reload: later/10-tier-badge.yaml }
  - { at: 2h, set: { contact: 1, membership_tier: Bronze } }
  - { at: 3h, set: { contact: 1, membership_tier: Gold } }
expect:
  - { rule: tier-badge, contact: 1, custom.tier: Gold member }
  - { rule: tier-badge, contact: 1, group: 01hsq6mmf8cw0v6zzh5p3a2k1d }
END
check 'a reload' status 0 "$program" test reload.yaml
sed -i 's/to: Bronze/too: Bronze/' later/10-tier-badge.yaml
check 'of rules that are wrong' status 1 "$program" test reload.yaml
check 'is told in its place' has "reload.yaml:5:23: error: the rules in 'later/10-tier-badge.yaml' are not valid [bad-rules]"
conclude ruletest
