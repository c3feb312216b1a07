#!/bin/sh
# Holds the arrows between folders, the doors to libraries, and the generic
# middle of the engine. Prints file, line and reason; exit 1 where one is broken.
#
#   base/            nothing above it
#   dsl/             base/
#   engine/*.{c,h}   base/, dsl/{build,table,eval,lock}.h, engine/*, engine/store/, never the words of a service
#   engine/SERVICE/  the same, and its own folder
#   engine/rehearsal/ dsl/{ruletest,mutate,lock}.h, the generic engine, and the sandbox
#   engine/admin/    the generic engine, and itself
#   engine/sandbox/  base/ and itself: it shares nothing with what it judges
set -u
cd "$(dirname "$0")/../.." || exit 3
bad=0

complain() {	# file:line reason
	printf '%s: %s\n' "$1" "$2"
	bad=1
}

# includes FOLDER-GLOB ALLOWED-REGEX REASON
includes() {
	for file in $1; do
		[ -e "$file" ] || continue
		grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"' "$file" |
		while IFS=: read -r line text; do
			path=$(printf '%s' "$text" | sed 's/^[^"]*"\([^"]*\)".*/\1/')
			printf '%s' "$path" | grep -qE "$2" || printf '%s:%s %s\n' "$file" "$line" "$path"
		done
	done | {
		found=0
		while read -r place path; do
			printf '%s: includes "%s": %s\n' "$place" "$path" "$3"
			found=1
		done
		exit $found
	} || bad=1
}

dsl='dsl/(build|table|eval|lock)\.h'
includes 'base/*.[ch]' '^base/' 'base/ knows nothing above it'
includes 'dsl/*.[ch]' '^(base/|dsl/|explain_text\.h)' 'dsl/ knows only base/'
generic=$(ls engine/*.[ch] | grep -vE '^engine/(registry|sim)\.[ch]$' | tr '\n' ' ')
includes "$generic" "^(base/|$dsl|engine/[a-z_]+\.h|engine/store/db\.h)" 'the generic engine knows services only through source.h and action.h'
includes 'engine/store/*.[ch]' '^(base/|engine/store/|schema_([0-9]+_)?sql\.h)' 'the store knows only base/'
for service in hubspot certifier; do
	includes "engine/$service/*.[ch]" "^(base/|$dsl|engine/[a-z_]+\.h|engine/store/db\.h|engine/$service/)" 'a service knows the engine and itself'
done
includes 'engine/rehearsal/*.[ch]' "^(base/|$dsl|dsl/(ruletest|mutate|lock)\.h|engine/[a-z_]+\.h|engine/store/db\.h|engine/sandbox/sandbox\.h|engine/rehearsal/)" 'a rehearsal knows the engine as everybody does, and the sandbox by its words'
includes 'engine/admin/*.[ch]' "^(base/|$dsl|engine/[a-z_]+\.h|engine/store/db\.h|engine/admin/|style_css\.h)" 'the admin endpoint knows the engine as everybody does'
includes 'engine/sandbox/*.[ch]' '^(base/|engine/sandbox/)' 'the sandbox shares no code with what it judges'

# The middle of the engine never says the name of a service (comments and the registry aside).
for file in $generic; do
	sed -e 's@/\*.*\*/@@' -e '/^[[:space:]]*\/\*/,/\*\//d' -e '/^ \*/d' "$file" |
		grep -niE 'hubspot|certifier' | grep -vE 'X-HubSpot|HS2CERT' |
	while IFS=: read -r line text; do
		printf '%s: names a service: %s\n' "$file" "$text"
	done | grep . && bad=1
done

# One library, one door.
door() {	# header-regex allowed-file
	grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]+<$1" --include='*.[ch]' base dsl engine |
	while IFS=: read -r file line _; do
		[ "$file" = "$2" ] || printf '%s:%s: only %s may include <%s\n' "$file" "$line" "$2" "$1"
	done | grep . && bad=1
}
door 'yaml\.h' dsl/node.c
door 'pcre2' base/regex.c
door 'jansson' base/json.c
door 'openssl/' base/digest.c
door 'curl/' engine/net.c
door 'microhttpd' base/server.c
door 'sqlite3' engine/store/sqlite.c
door 'libpq' engine/store/postgres.c

# Words that have no place: unbounded or surprising C, other programs (none inherits what we hold), and time behind the world's back.
grep -rnE '\b(strcpy|strcat|sprintf|gets|strtok|atoi|gmtime|localtime|asctime|system|popen|v?fork|posix_spawnp?|exec[lv]p?e?|fexecve)[[:space:]]*\(' \
	--include='*.c' base dsl engine | grep -vE 'engine/store/sqlite\.c.*atoi' | sed 's/$/   <- banned function/' | grep . && bad=1
grep -rnE '\b(clock_gettime|gettimeofday|time|sleep|usleep|nanosleep|getenv|rand|random)[[:space:]]*\(' --include='*.c' base dsl engine |
	grep -vE '^engine/(net\.c|cli/)|world->random' | grep -vE '^\S+:\s*(/\*| \*)' |
	sed 's/$/   <- the world gives time, chance and environment/' | grep . && bad=1

# Sizes: files to 600 lines, functions to 70.
for file in base/*.c dsl/*.c engine/*.c engine/*/*.c; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 600 ] || complain "$file" "$lines lines, the wall is 600"
	awk -v file="$file" '
		/^[a-zA-Z_].*[)]$/ || /^[a-zA-Z_].*[(,]$/ { head = NR }
		/^\{/ { start = NR }
		/^\}/ && start { if (NR - start > 71) { printf "%s:%d: function of %d lines, the wall is 70\n", file, start, NR - start - 1; bad = 1 } start = 0 }
		END { exit bad }' "$file" || bad=1
done

[ $bad -eq 0 ] && echo 'layers: every arrow, door and size holds'
exit $bad
