#!/bin/sh
# contrib/pre-commit in a repository of its own: what is staged decides.
hook=$(realpath "$(dirname "$0")/../../contrib/pre-commit")
. "$(dirname "$(realpath "$0")")/stage.inc"
export HS2CERT="$program" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null HOME="$work"

mkdir repository && cd repository || exit 3
git init -q . && git config user.name tester && git config user.email tester@example.org
cp "$hook" .git/hooks/pre-commit

commit() {
	git commit -q -m "$1" >../out 2>&1
}
refused() {
	! commit "$1" && grep -qF -- "$2" ../out || { cat ../out; return 1; }
}
rule() {
	mkdir -p rules.d
	cat >rules.d/10-tier.yaml <<-END
	rule: tier
	trigger: { event: property-changed, property: membership_tier, $1: Gold }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }
	END
}

echo 'not: [a rule' >other.yaml
git add other.yaml
check 'what is no rule file does not matter' commit other
rule too
check 'what is not staged does not matter' sh -c 'echo more >>other.yaml && git add other.yaml && git commit -q -m more'
git add rules.d
check 'a wrong rule is refused' refused wrong "rules.d/10-tier.yaml:2:64: error: unknown key 'too'"
rule to
check 'also where only the work tree is right' refused still "unknown key 'too'"
git add rules.d
rule too
check 'a right one passes, whatever the work tree holds' commit right
mkdir rules.d/tests
cat >rules.d/tests/tier.yaml <<'END'
test: gold earns one
contacts: [{ id: 101, email: ana@example.org, membership_tier: Silver }]
steps: [{ at: 0s, set: { contact: 101, membership_tier: Gold } }]
expect: []
END
git add rules.d/tests
check 'a test that fails is refused' refused test 'gold earns one'
sed -i 's/^expect: .*/expect: [{ rule: tier, contact: 101 }]/' rules.d/tests/tier.yaml
git add rules.d/tests
check 'a test that passes is not' commit tested
git rm -q -r -f rules.d
check 'all rules may go' commit gone
cd "$work" || exit 3
conclude hook
