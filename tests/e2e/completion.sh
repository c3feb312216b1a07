#!/bin/sh
# What shells complete the command line with, asked of the shells themselves.
. "$(dirname "$(realpath "$0")")/stage.inc"

HOME=$work
export HOME
for shell in bash zsh fish; do
	check "a script for $shell" status 0 "$program" completion $shell
	cp out "completion.$shell"
	check "$shell reads it" $shell -n "completion.$shell"
done
check 'no shell' status 2 "$program" completion
check 'another shell' status 2 "$program" completion csh
check 'is told which there are' grep -qF "unknown shell 'csh': one of bash, zsh, fish" err

# in_bash WORD…: what bash offers for the last word, one a line. An option and its value behind = are three words.
in_bash() {
	bash -c '. ./completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hs2cert; printf "%s\n" "${COMPREPLY[@]}"' \
		bash hs2cert "$@" >offered 2>bash.err && [ ! -s bash.err ]
}

# bash_offers WORDS ARGUMENT…: these, and no others.
bash_offers() {
	wanted=$1
	shift
	in_bash "$@" && [ "$(sort offered | xargs)" = "$wanted" ] || { cat offered bash.err; return 1; }
}

# bash_has WORDS ARGUMENT…: these among others.
bash_has() {
	wanted=$1
	shift
	in_bash "$@" || return 1
	for word in $wanted; do
		grep -qxF -- "$word" offered || { echo "no $word in:"; cat offered; return 1; }
	done
}

commands=$("$program" --help | sed -n 's/^ *hs2cert \([a-z][a-z]*\) .*/\1/p' | xargs)
check 'every command' bash_has "$commands" ''
check 'a command begun' bash_offers 'validate' val
for command in $commands; do
	options=$("$program" "$command" --help | sed -n 's/^ *\(--[a-z][a-z-]*\).*/\1/p' | xargs)
	check "every option of $command" bash_has "$options --help" "$command" --
done
mkdir -p folder/sub
touch folder/rules.yaml 'folder/two words.yaml'
check 'words of an option' bash_has 'text json' validate --format ''
check 'a word begun' bash_offers json validate --format j
check 'a word behind =' bash_offers json validate --format = j
check 'all words behind =' bash_has 'text json' validate --format =
check 'states' bash_offers 'send-unknown sending sent' runs --state-is sen
check 'what holds' bash_offers 'brake' approve --hold b
check 'log levels' bash_offers 'debug' run --log-level d
check 'folders only' bash_offers 'folder/sub' run --rules folder/
check 'files as operands' bash_has 'folder/rules.yaml' validate folder/
check 'a file of two words is one' sh -c "grep -qx 'folder/two words.yaml' offered"
check 'no files where none are taken' bash_offers '' version folder/
check 'nothing for what anybody may name' bash_offers '' runs --limit ''
check 'words as operands' bash_offers show runs ''
check 'shells' bash_offers 'bash' completion b

# fish_offers LINE: what fish offers for it, without its descriptions.
fish_offers() {
	fish --no-config -c "source completion.fish; complete -C '$1'" | cut -f1
}
check 'fish: commands' sh -c "fish --no-config -c \"source completion.fish; complete -C 'hs2cert val'\" | grep -q '^validate.check rule files'"
check 'fish: words of an option' [ "$(fish_offers 'hs2cert validate --format ' | sort | xargs)" = "$("$program" completion fish |
	sed -n "s/.*seen_subcommand_from validate' -l format -x -a '\([a-z ]*\)'.*/\1/p" | xargs -n 1 | sort | xargs)" ]
check 'fish: files' [ "$(fish_offers 'hs2cert validate folder/ru')" = folder/rules.yaml ]
check 'fish: no files where none are taken' [ -z "$(fish_offers 'hs2cert version fold')" ]

conclude completion
