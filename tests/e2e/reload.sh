#!/bin/sh
# Reloads that come at once, while the folder is written, and as the daemon ends; and that the loop goes on meanwhile.
. "$(dirname "$(realpath "$0")")/stage.inc"
start_sandbox
write_rules 0s

# rules N FILE: so many rules, enough of them for a build that takes longer than a few turns of the loop.
rules() {
	awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) print "---\nrule: r" i "\ntrigger: { event: property-changed, property: jobtitle, to: v" i " }\naction: { do: issue-credential, group: 01g90279gp5sbmfek7wymcsvec }" }' >"$2.new"
	mv "$2.new" "$2"
}
rules_in_force() {	# what the last reload said of itself
	sed -n 's/^reloaded: \([0-9]*\) rules,.*/\1/p' out
}

rules 100 rules.d/20-many.yaml
start_daemon
check 'the daemon loads its rules' soon grep -q 'rules loaded' log

# ---- one after the other, and at once: each has what was written before it was asked for -------------

(while sleep 0.01; do kill -HUP "$daemon" || break; done) 2>/dev/null &
hups=$!
later=0
for n in 1 2 3 4 5; do
	rules $((100 * (n % 2 + 1) + n)) rules.d/20-many.yaml
	"$program" reload >out 2>err && [ "$(rules_in_force)" = $((100 * (n % 2 + 1) + n + 2)) ] || later=$((later + 1))
done
kill $hups
check 'a reload has what was written before it, whatever is being built' [ $later -eq 0 ]
asked=
for n in 1 2 3 4 5 6; do
	"$program" reload >"out.$n" 2>&1 &
	asked="$asked $!"
done
wait $asked
check 'six at once: each has its answer' [ "$(cat out.? | grep -c '^reloaded: 207 rules')" -eq 6 ]

# ---- a folder that is being written -------------------------------------------------------------------

touch writing
(while [ -e writing ]; do rules 50 rules.d/30-more.yaml; rm rules.d/30-more.yaml; done) &
writer=$!
strange=0 taken=0
for n in 1 2 3 4 5; do
	"$program" reload >out 2>err
	case $? in
	0) taken=$((taken + 1)) ;;
	1) grep -q -e "cannot open 'rules.d/30-more.yaml'" -e ': error: ' out || strange=$((strange + 1)) ;;
	*) strange=$((strange + 1)) ;;
	esac
done
rm writing
wait $writer
check 'files that come and go: taken, or refused with what is wrong' [ $strange -eq 0 ]
check 'once they stand still: taken' status 0 "$program" reload

# ---- while many rules are built -----------------------------------------------------------------------

rules 3000 rules.d/20-many.yaml
"$program" reload >many 2>&1 &
asked=$!
act set '{"contact":101,"property":"membership_tier","value":"Gold"}'
check 'a change becomes a credential meanwhile' soon state_is tier sent 1
wait $asked
check 'and the rules are in force' grep -q '^reloaded: 3002 rules' many

"$program" reload >many 2>&1 &
asked=$!
soon sh -c "[ \$(ls /proc/$daemon/task | wc -l) -gt 1 ]"
kill -TERM "$daemon"
wait "$daemon"
check 'SIGTERM meanwhile: 0' [ $? -eq 0 ]
daemon=
wait $asked
got=$?
check 'who waited is told so' sh -c "case $got in 3) grep -q 'the daemon is stopping' many ;; 0) grep -q '^reloaded' many ;; *) false ;; esac"
check 'nothing is left to do' status 0 "$program" run --once

# ---- memory that runs out on the thread ----------------------------------------------------------------

ulimit -s 512	# what a thread takes at once
start_daemon
check 'it starts again' soon sh -c "[ \$(grep -c 'rules loaded' log) -gt 8 ] && test -S hs2cert.db.sock"
size=$(awk '/^VmSize/ { print $2 }' "/proc/$daemon/status")
gone() {
	! kill -0 "$daemon" 2>/dev/null
}
# A sanitizer maps terabytes, and has an allocator of its own.
if [ "$size" -lt 100000000 ] && prlimit --pid "$daemon" --as=$((size * 1024 + 1500000)) 2>/dev/null; then
	kill -HUP "$daemon"
	check 'no memory for the rules: it ends' soon gone
	gone || kill -9 "$daemon"
	wait "$daemon"
	check 'with 3' [ $? -eq 3 ]
	daemon=
	check 'said in one line' grep -qx 'hs2cert: out of memory' log
	check 'nothing is lost' status 0 "$program" run --once
fi
conclude reload
