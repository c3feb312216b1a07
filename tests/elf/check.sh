#!/bin/sh
# What an ELF file must have by the OpenSSF guide for C compilers: check.sh FILE. A line for each thing that it lacks, exit 1.
#
# Of what leaves no trace in the code's headers, gcc says in the debug information which flags each unit was compiled with. clang
# does not, and a stripped file has none: then only the rest is looked at.
set -u
export LC_ALL=C
file=$1
lacks=0

lack() {
	echo "$file: $1"
	lacks=1
}

has() { # WORDS PATTERN OPTIONS…: the pattern is in what readelf shows with these.
	words=$1 pattern=$2
	shift 2
	readelf -W "$@" "$file" 2>/dev/null | grep -qE "$pattern" || lack "$words"
}

has_not() {
	words=$1 pattern=$2
	shift 2
	readelf -W "$@" "$file" 2>/dev/null | grep -qE "$pattern" && lack "$words"
}

readelf -h "$file" >/dev/null 2>&1 || { echo "$file: no ELF file"; exit 1; }
has 'not position-independent (-fPIE -pie)' 'FLAGS_1.* PIE' --dynamic
has 'symbols are bound lazily (-z now)' 'BIND_NOW|FLAGS_1.* NOW' --dynamic
has 'relocations stay writable (-z relro)' 'GNU_RELRO' --program-headers
has 'the stack is executable (-z noexecstack)' 'GNU_STACK .* RW  ' --program-headers
has 'no stack canary (-fstack-protector-strong)' '__stack_chk_fail' --dyn-syms
has 'nothing is fortified (-D_FORTIFY_SOURCE)' '__[a-z0-9]+_chk(@|$)' --dyn-syms
has_not 'a segment is writable and executable' 'LOAD .* RWE ' --program-headers
has_not 'a path of libraries is built in' 'RPATH|RUNPATH' --dynamic
has_not 'code is relocated' 'TEXTREL' --dynamic

# Units by gcc; what came ready-made is not ours.
readelf -W --debug-dump=info --dwarf-depth=1 "$file" 2>/dev/null | sed -n 's/.*DW_AT_producer.*: \(GNU C[0-9].*\)/\1 /p' >"${TMPDIR:-/tmp}/elf.$$"
trap 'rm -f "${TMPDIR:-/tmp}/elf.$$"' EXIT
wanted='-O2 -fstack-protector-strong -fstack-clash-protection -fPIE -fno-strict-overflow -fno-strict-aliasing -fno-delete-null-pointer-checks -ftrivial-auto-var-init=zero'
case $(readelf -h "$file") in *X86-64*) wanted="$wanted -fcf-protection=full" ;; esac
for flag in $wanted; do
	without=$(grep -cvF -- " $flag " "${TMPDIR:-/tmp}/elf.$$")
	[ "$without" -eq 0 ] || lack "$without units were compiled without $flag"
done
exit $lacks
