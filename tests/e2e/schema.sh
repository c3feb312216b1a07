#!/bin/sh
# `hs2cert schema` on the command line. What editors make of it is tests/editor's.
. "$(dirname "$(realpath "$0")")/stage.inc"

# names WORDS ARGUMENT…: the schema has these words in it.
names() {
	words_wanted=$1
	shift
	status 0 "$program" schema "$@" && grep -qF -- "$words_wanted" out && [ ! -s err ] ||
		{ tail -n 5 out; cat err; return 1; }
}

# lacks WORDS ARGUMENT…: it has not.
lacks() {
	words_unwanted=$1
	shift
	status 0 "$program" schema "$@" && ! grep -qF -- "$words_unwanted" out
}

check 'without a rules folder' names '"missing-email"'
check 'it says what it is' names '"$schema": "http://json-schema.org/draft-07/schema#"'
check 'no key of rule tests' lacks '"remove-from-list"'
check 'rule tests' names '"remove-from-list"' --tests
check 'states of issuances' names '"send-unknown"' --tests
check 'a folder that is not there' status 3 "$program" schema --rules nowhere
check 'no operands' status 2 "$program" schema rules.d

mkdir rules.d
check 'a folder without a lock' lacks 'hs2cert.lock'
cat >rules.d/hs2cert.lock <<-'END'
	lock: 1
	---
	account: certifier
	type: certifier
	more: [attributes]
	groups:
	  "01g90279gp5sbmfek7wymcsvec": "Tier badge"
	attributes:
	  custom.tier: "The tier"
	---
	account: club
	type: hubspot
	properties:
	  tier:
	    label: "Tier of the club"
	    type: enumeration
	    field: select
	    options:
	      "gold": "Gold of the club"
	lists: {}
	---
	account: school
	type: hubspot
	more: [lists]
	properties:
	  tier:
	    label: "Tier"
	    type: enumeration
	    field: select
	    options:
	      "silver": "Silver of the school"
	lists:
	  "42": { name: "Graduates", kind: manual }
END
accounts() {
	for portal in club "$1"; do
		printf 'account: %s\nhubspot: { token: "${T}" }\n---\n' "$portal"
	done >rules.d/00-accounts.yaml
	printf 'account: certifier\ncertifier: { token: "${T}" }\n' >>rules.d/00-accounts.yaml
}
accounts school
for words in '"Tier badge"' '"custom.tier"' '"options.tier"' '"Gold of the club"' '"Silver of the school"' '"list 42"' \
	'"^custom\\.'; do
	check "with a lock: $words" names "$words"
done
check 'lists are open where one account has more' lacks 'no list has this id'
check 'groups are not' names 'no group has this id'
check 'properties in rule tests' names '"Tier of the club"' --tests
check 'properties are closed' names 'no property has this'
check 'options are, too' names 'has no such option'
accounts other
check 'a portal that was not pulled may have others' lacks 'no property has this'
check 'and other options' lacks 'has no such option'
check 'but the workspace is known' names 'no group has this id'
check 'the folder of the environment' sh -c "mv rules.d r && HS2CERT_RULES=r '$program' schema | grep -q 'Tier badge'"
echo 'lock: [' >r/hs2cert.lock
check 'a damaged lock' status 3 "$program" schema --rules r
check 'tells who knows more' grep -qF "r/hs2cert.lock is damaged: 'hs2cert validate' tells where" err
conclude schema
