#!/bin/sh
# What validate prints for machines: SARIF that its schema accepts, and GitHub's workflow commands.
tests=$(realpath "$(dirname "$0")/..")
. "$(dirname "$(realpath "$0")")/stage.inc"

# The modules are installed once for each build folder, as their lock says.
modules=$(dirname "$program")/npm/sarif
if ! cmp -s "$tests/sarif/package-lock.json" "$modules/package-lock.json"; then
	mkdir -p "$modules"
	cp "$tests/sarif/package.json" "$modules"
	cp "$tests/sarif/package-lock.json" "$modules/lock"
	(cd "$modules" && cp lock package-lock.json && npm ci --ignore-scripts --no-audit --no-fund) >npm.log 2>&1 ||
		{ rm -f "$modules/package-lock.json"; cat npm.log; exit 1; }
fi

# fits LOG…: as the schema says, and the indices lead where they are to.
fits() {
	node "$tests/sarif/check.js" "$modules" "$@"
}

# sarif STATUS ARGUMENT…: validate ends so, and what it prints fits; it stays in out.
sarif() {
	wanted=$1
	shift
	status "$wanted" "$program" validate --format sarif "$@" && fits out
}

# holds TEXT: the last log has it.
holds() {
	grep -qF -- "$1" out || { cat out; return 1; }
}

mkdir -p rules.d 'odd: 100%, ż'
cat >'odd: 100%, ż/10.yaml' <<-END
	rule: braces
	trigger: { event: property-changed, property: tier, to: [żółw, Gold, żółw] }
	action: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec, fields: { custom.tier: "{ event.to }" } }
END
check 'a folder without a fault' sarif 0 "$tests/../rules.d"
check 'is an empty list' holds '"results":[]'
check 'a folder without files' sarif 1 rules.d
check 'is a finding too' holds '"ruleId":"no-rules"'
check 'warnings' sarif 0 'odd: 100%, ż'
check 'are none where they are denied' sarif 1 --deny-warnings 'odd: 100%, ż'
check 'a path is a URI' holds '"uri":"odd%3A%20100%25%2C%20%C5%BC/10.yaml"'
check 'columns count characters' holds '"columnKind":"unicodeCodePoints"'
check 'from the first to past the last' holds '"region":{"startLine":2,"startColumn":70,"endLine":2,"endColumn":74}'
check 'the second place' holds '"relatedLocations":[{"physicalLocation":{"artifactLocation":{"uri":"odd%3A%20100%25%2C%20%C5%BC/10.yaml"},"region":{"startLine":2,"startColumn":58'
check 'the rule of the file' holds '"logicalLocations":[{"name":"braces"}]'
check 'braces are no placeholder' holds 'references have two: {{{{ … }}}}'
check 'the version' holds "\"version\":\"$("$program" version | cut -d ' ' -f 2)\""
check 'an absolute path' sarif 0 "$work/odd: 100%, ż/10.yaml"
check 'is a file URI' holds '"uri":"file:///'
for example in "$tests"/rules/bad/*.yaml "$tests"/rules/warn/*.yaml; do
	"$program" validate --format sarif "$example" >"$(basename "$example").sarif"
done
check 'every golden file' fits ./*.sarif
awk 'BEGIN { for (i = 0; i < 1100; i++) print "rule: Wrong_Name_" i "\n---" }' >rules.d/many.yaml
check 'more than anybody reads' sarif 1 rules.d
check 'and that there was more' holds '"toolExecutionNotifications":[{"level":"warning","message":{"text":"'

# ---- github ----------------------------------------------------------------------

check 'github' status 0 "$program" validate --format github 'odd: 100%, ż'
cat >wanted <<-'END'
	::warning file=odd%3A 100%25%2C ż/10.yaml,line=2,endLine=2,col=70,endColumn=74,title=duplicate-value::'żółw' stands twice in 'to'%0Aodd: 100%25, ż/10.yaml:2:58: first here
	::warning file=odd%3A 100%25%2C ż/10.yaml,line=3,endLine=3,col=92,endColumn=93,title=single-braces::text in single braces is sent as it stands: references have two: {{ … }}
	1 file, 1 rule: 0 errors, 2 warnings
END
check 'is as it should be' diff wanted out
check 'where there is nothing to say' status 0 "$program" validate --format github "$tests/../rules.d"
check 'there is only the count' sh -c "! grep -q '^::' out && grep -qE '^[0-9]+ files, [0-9]+ rules: 0 errors, 0 warnings' out"
printf 'rule: wide\ntrigger:\n  event: property-changed\n  property: Membership\n    Tier\naction: { do: issue-credential, group: g }\n' >wide.yaml
check 'a finding over several lines' status 1 "$program" validate --format github wide.yaml
check 'has no columns' grep -q '^::error file=wide.yaml,line=4,endLine=5,title=bad-name::' out
check 'more than anybody reads' status 1 "$program" validate --format github rules.d
check 'is told' grep -qE '^::warning::[0-9]+ more not shown$' out
conclude formats
