# hs2cert: make | demo | check | quick | lint | soak | torture | nomem | kills | mixed | fuzz | sabotage | coverage | bench [ONLY=…] | bench-peers
#          | page-check | metrics-check | bless | man | deb | deb-check | install | uninstall | clean
#
# Objects and dependencies go to $(B); VARIANT picks the compiler flags:
# release (default), san (address and undefined behaviour sanitizers), tsan (threads), clang, fuzz or cov.

CC ?= gcc
PREFIX ?= /usr/local
DESTDIR ?=
VARIANT ?= release
V ?= 0
VERSION := 0.1.0
RELEASED := 2026-11-29

B_release := build
B_san := build/san
B_clang := build/clang
B_fuzz := build/fuzz
B_cov := build/cov
B_tsan := build/tsan
B := $(B_$(VARIANT))

LIBS := yaml-0.1 libcurl jansson libpcre2-8 libmicrohttpd sqlite3 libcrypto
PKG_CFLAGS = $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
PKG_LIBS = $(shell pkg-config --libs $(LIBS) 2>/dev/null)

WERROR ?= -Werror
WARN := -Wall -Wextra $(WERROR) -Wconversion -Wno-sign-conversion -Wshadow -Wvla -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 -Wimplicit-fallthrough

# By the OpenSSF guide for C compilers; tests/elf holds it on the program. Of what not every compiler or machine has, what this
# one takes. A header is included, because an older C library warns of level 3 only there.
takes = $(shell for flag in $(1); do echo "#include <stdio.h>" | $(CC) -O2 -Werror $$flag -x c -c -o /dev/null - 2>/dev/null \
	&& echo " $$flag"; done)
ifeq ($(VARIANT),release)
HARDEN := -fstack-protector-strong -fPIE -fno-strict-overflow -fno-strict-aliasing -fno-delete-null-pointer-checks \
	-U_FORTIFY_SOURCE $(or $(call takes,-D_FORTIFY_SOURCE=3),-D_FORTIFY_SOURCE=2) $(call takes,-fstack-clash-protection \
	-fcf-protection=full -mbranch-protection=standard -ftrivial-auto-var-init=zero -fstrict-flex-arrays=3 \
	-fzero-init-padding-bits=all -Wtrampolines -Wbidi-chars=any)
endif
FLAGS_release := -O2 -g $(HARDEN)
FLAGS_clang := -fPIE # its warnings need neither optimising nor -g
# Without a call at each comparison, which are a third of the time: dictionaries say what matters.
FLAGS_fuzz := -O2 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-coverage=trace-cmp -fno-sanitize-recover=all -DARENA_BLOCK_BYTES=0u
FLAGS_san := -Og -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DARENA_BLOCK_BYTES=0u
FLAGS_cov := -O0 -g --coverage
FLAGS_tsan := -O1 -g -fPIE -fsanitize=thread
LD_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
LD_clang := -pie
LD_cov := --coverage
LD_tsan := -pie -fsanitize=thread
LD_fuzz := -fsanitize=fuzzer,address,undefined
LD_san := -fsanitize=address,undefined

CPPFLAGS += -D_GNU_SOURCE -DHS2CERT_VERSION='"$(VERSION)"' -I. -I$(B)/gen $(PKG_CFLAGS)
CFLAGS += -std=c11 $(WARN) $(FLAGS_$(VARIANT))
LDFLAGS += $(LD_$(VARIANT))

# Other flags make other objects.
ALL_FLAGS = $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)
ifneq ($(file <$(B)/flags),$(ALL_FLAGS))
$(shell mkdir -p $(B))
$(file >$(B)/flags,$(ALL_FLAGS))
endif

ifeq ($(V),0)
Q := @
say = @printf '  %-5s %s\n' '$(1)' '$(2)'
endif

# Tests link the same objects as the program, but for the command line.
SOURCES := $(wildcard base/*.c dsl/*.c engine/*.c engine/*/*.c)
OBJECTS := $(SOURCES:%.c=$(B)/%.o)
LIB_OBJECTS := $(filter-out $(B)/engine/cli/%,$(OBJECTS))
LIB := $(B)/lib.a

.PHONY: all
all: $(B)/hs2cert

$(B)/hs2cert: $(OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# Only names its objects, so that a test links what it uses of them.
$(LIB): $(LIB_OBJECTS)
	$(Q)rm -f $@ && ar rcsT $@ $^

# SQL files as C strings, so that the readable file is the one in force.
SQL_HEADERS := $(patsubst engine/store/%.sql,$(B)/gen/%_sql.h,$(wildcard engine/store/*.sql))
$(B)/gen/%_sql.h: engine/store/%.sql
	@mkdir -p $(@D)
	$(Q){ echo 'static const char $*_sql[] ='; \
	  sed -e 's/ *--.*//' -e '/^[[:space:]]*$$/d' -e 's/.*/"&\\n"/' $<; echo ';'; } > $@

$(B)/engine/store/db.o: $(SQL_HEADERS)

# The status page's style, likewise.
$(B)/gen/style_css.h: engine/admin/style.css
	@mkdir -p $(@D)
	$(Q){ echo 'static const char style_css[] ='; \
	  sed -e 's/\\/&&/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' $<; echo ';'; } > $@

$(B)/engine/admin/assets.o: $(B)/gen/style_css.h

# What `validate --explain` says, one file for each code.
EXPLAIN_TEXTS := $(wildcard dsl/explain/*.md)
$(B)/gen/explain_text.h: dsl/explain.awk dsl/codes.h $(EXPLAIN_TEXTS)
	@mkdir -p $(@D)
	$(Q)awk -f $^ > $@.new && mv $@.new $@

$(B)/dsl/explain.o: $(B)/gen/explain_text.h

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

# ---- what a machine needs --------------------------------------------------

BUILD_PACKAGES := gcc make pkg-config libc6-dev libyaml-dev libcurl4-openssl-dev libjansson-dev \
	libpcre2-dev libmicrohttpd-dev libsqlite3-dev libssl-dev tzdata
CHECK_PACKAGES := $(BUILD_PACKAGES) libcmocka-dev clang git zsh fish curl ca-certificates openssl nodejs patch binutils systemd mandoc
DEMO_PACKAGES := $(BUILD_PACKAGES) curl

.PHONY: deps check-deps demo-deps
deps:
	@sh contrib/deps.sh $(BUILD_PACKAGES)
check-deps:
	@sh contrib/deps.sh $(CHECK_PACKAGES)
	@command -v npm >/dev/null || sh contrib/deps.sh nodejs npm
demo-deps:
	@sh contrib/deps.sh $(DEMO_PACKAGES)

# ---- demo --------------------------------------------------------------------

.PHONY: demo
demo: demo-deps
	@$(MAKE) --no-print-directory all
	@sh contrib/demo.sh $(B)/hs2cert

# ---- tests -------------------------------------------------------------------

comma := ,
UNIT_TESTS := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
DRIVERS := $(B)/tests/rules/golden $(B)/tests/scenes/scenes $(B)/tests/simulation/simulation

# The model of behaviour.md, apart from the engine; a disk that can lose power.
MODEL_OBJECTS := $(patsubst %.c,$(B)/%.o,$(wildcard tests/model/*.c))
DISK_OBJECTS := $(patsubst %.c,$(B)/%.o,$(wildcard tests/disk/*.c))

$(B)/tests/simulation/simulation: $(patsubst %.c,$(B)/%.o,$(wildcard tests/simulation/*.c)) $(MODEL_OBJECTS) $(DISK_OBJECTS) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS)

# What is not the program's in a life is told from it: tests/scenes/memory.c.
$(B)/tests/scenes/scenes: LDFLAGS += $(patsubst %,-Wl$(comma)--wrap=%,_Exit sandbox_call sandbox_deliver sandbox_delivered \
	files_write files_truncate files_sync files_add)
$(B)/tests/scenes/scenes: $(patsubst %.c,$(B)/%.o,$(wildcard tests/scenes/*.c)) $(DISK_OBJECTS) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS)

$(B)/tests/wire/wire: $(patsubst %.c,$(B)/%.o,$(wildcard tests/wire/*.c)) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS)

$(B)/tests/bench/bench: $(patsubst %.c,$(B)/%.o,$(wildcard tests/bench/*.c)) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS)

$(B)/tests/kill/kill: $(patsubst %.c,$(B)/%.o,$(wildcard tests/kill/*.c)) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS)

# These open their state on that disk.
$(B)/tests/unit/test_disk $(B)/tests/unit/test_store_rare $(B)/tests/unit/test_backfill: $(DISK_OBJECTS)

# What the daemon does beside its work.
$(B)/tests/unit/test_service: $(B)/engine/cli/notify.o $(B)/engine/cli/guard.o

# What they stand on is the command line's.
$(B)/tests/unit/test_builder $(B)/tests/unit/test_run: $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(wildcard engine/cli/*.c)))

# It lets a build hang.
$(B)/tests/unit/test_builder: PKG_LIBS += -Wl,--wrap=ground_table

# It makes certificates and serves TLS itself.
$(B)/tests/unit/test_net_tls: PKG_LIBS += -lssl

$(B)/tests/%: $(B)/tests/%.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS) $(shell pkg-config --libs cmocka)

-include $(wildcard $(B)/tests/*/*.d)
.SECONDARY:

# Everything that is tested with one variant of the build.
.PHONY: test
test: $(B)/hs2cert $(UNIT_TESTS) $(DRIVERS) $(B)/tests/wire/wire $(B)/tests/bench/bench fuzzers
	@sh tests/run.sh $(B)

# The fast part of it, for while one works.
.PHONY: quick quick-build
quick-build: $(B)/hs2cert $(UNIT_TESTS) $(DRIVERS)
quick: quick-build
	@sh tests/run.sh $(B) quick

# Breaks one promise at a time: every patch must be noticed by the fast tests. ONLY=words picks some.
.PHONY: sabotage
sabotage: check-deps
	@sh tests/sabotage/run.sh $(ONLY)

# The metrics as Prometheus's own tool sees them; `make check` has a check of its own.
.PHONY: metrics-check
metrics-check: $(B)/hs2cert
	@command -v promtool >/dev/null || sh contrib/deps.sh prometheus
	@PROMTOOL=promtool sh tests/e2e/admin.sh $(B)/hs2cert

# The status page in a real Chromium; SHOTS=FOLDER leaves screenshots there. Not part of `make check`: a browser is heavy.
.PHONY: page-check
page-check: $(B)/hs2cert
	@command -v chromedriver >/dev/null || sh contrib/deps.sh chromium chromium-driver
	@sh tests/page/run.sh $(B)/hs2cert $(SHOTS)

.PHONY: lint
lint: $(SQL_HEADERS) $(B)/gen/style_css.h
	@sh tests/lint/layers.sh
	@sh tests/lint/headers.sh $(B)/gen
	@sh tests/lint/fuzz.sh

# A JSON Schema validator and a YAML language server, for tests/editor.
EDITOR_PACKAGES := build/editor/node_modules/.package-lock.json
$(EDITOR_PACKAGES): tests/editor/package.json tests/editor/package-lock.json
	$(call say,NPM,$(@D))
	@mkdir -p build/editor
	$(Q)cp $^ build/editor && cd build/editor && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
.PHONY: editor
editor: $(B)/hs2cert $(EDITOR_PACKAGES)
	@sh tests/editor/run.sh $(B)/hs2cert build/editor/node_modules

MAN := $(B)/man/.made
# What is run with the fast build only, and takes long.
LONG_TESTS := $(B)/tests/scenes/scenes $(B)/tests/simulation/simulation $(B)/tests/wire/wire $(B)/tests/kill/kill \
	$(B)/tests/torture/nomem.so
.PHONY: test-long
test-long: $(B)/hs2cert $(MAN) $(LONG_TESTS) $(EDITOR_PACKAGES)
	@sh tests/run.sh $(B) long

# All that CI runs, side by side: the linters, clang, the program as users get it, and the sanitizer build.
.PHONY: check check-clang check-release check-san
check: check-deps
	@$(MAKE) --no-print-directory -j2 --output-sync=target lint check-clang check-san check-release
check-clang:
	@$(MAKE) --no-print-directory CC=clang VARIANT=clang all
check-release:
	@$(MAKE) --no-print-directory test-long
check-san:
	@$(MAKE) --no-print-directory VARIANT=san test

# Every scene again for whatever can fail at each of its requests, writes, syncs and reads; LIVES=n: about n for each scene,
# evenly spread, instead of all (hours). ROUND=0: of the kinds of failure that are alike one at each place, ROUND=1 (to 11) the
# next. ONLY=words picks scenes, FROM=n begins with the n-th. What fails names the command that lives it again.
LIVES ?= 0
JOBS ?= 2
torture_options = --jobs $(JOBS) $(if $(FROM),--from $(FROM)) $(if $(ONLY),--scene '$(ONLY)')
.PHONY: torture
torture: $(B)/tests/scenes/scenes
	@$(B)/tests/scenes/scenes tests/scenes --torture $(LIVES) $(if $(ROUND),--round $(ROUND)) $(torture_options)

# Every scene again with each of its allocations finding no memory, once and from then on; PLACES=n: of about n of them for each
# scene, evenly spread; 0: all (two hours of one core). Then PASSES passes of the program itself, with libcurl and sockets. Not
# under sanitizers, which have an allocator of their own.
PLACES ?= 100
PASSES ?= 20
$(B)/tests/torture/nomem.so: tests/torture/nomem.c
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 -O1 $(WARN) -fPIC -shared -o $@ $<
.PHONY: nomem
nomem: $(B)/hs2cert $(B)/tests/scenes/scenes $(B)/tests/torture/nomem.so
	@LD_PRELOAD=$(realpath .)/$(B)/tests/torture/nomem.so $(B)/tests/scenes/scenes tests/scenes --memory --torture $(PLACES) \
		$(torture_options)
	@sh tests/torture/alloc.sh $(B)/hs2cert $(B)/tests/torture/nomem.so $(PASSES)

# What the tests run of the product's lines and branches, as a table; SHOW=FILE lists what the last run left out.
.PHONY: coverage
coverage:
ifdef SHOW
	@sh tests/coverage/report.sh $(B_cov) $(SHOW)
else
	@$(MAKE) --no-print-directory -j2 VARIANT=cov $(B_cov)/hs2cert
	@find $(B_cov) -name '*.gcda' -delete
	@$(MAKE) --no-print-directory -j2 VARIANT=cov test; passed=$$?; \
		sh tests/coverage/report.sh $(B_cov) && exit $$passed
endif

# The daemon is ended by SIGKILL so many times; SEED gives the moments.
N ?= 10000
.PHONY: kills
kills: $(B)/hs2cert $(B)/tests/kill/kill
	@$(B)/tests/kill/kill $(B)/hs2cert $(N) $(SEED)

# Webhooks, polls, reloads, pages, commands and clients that hang, all at once for T seconds (60); SEED gives what happens.
.PHONY: mixed
mixed: $(B)/hs2cert
	@sh tests/load/mixed.sh $(B)/hs2cert $(if $(filter command line,$(origin T)),$(T),60) $(SEED)

.PHONY: bless
bless: $(B)/tests/rules/golden
	@$(B)/tests/rules/golden tests/rules --bless

.PHONY: bench
# Figures; ONLY=words picks from match, load, decide, webhook, wire, idle, reload and growth.
bench: $(B)/tests/bench/bench $(B)/hs2cert
	@$(B)/tests/bench/bench $(ONLY)

# The same work beside what people would run instead, which comes from Debian (CLIPS) and npm into build/peers.
PEERS := build/peers/node_modules/.made
$(PEERS): tests/peers/package.json
	$(call say,NPM,$(@D))
	@mkdir -p build/peers
	$(Q)cp $< build/peers && cd build/peers && npm install --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
build/peers/clips: tests/peers/clips.c
	$(call say,CLIPS,$@)
	@mkdir -p build/peers
	$(Q)cd build/peers && apt-get download -q libclips-dev libclips >/dev/null && for deb in libclips*.deb; do dpkg -x "$$deb" .; done
	$(Q)$(CC) -O2 -Ibuild/peers/usr/include -o $@ $< build/peers/usr/lib/libclips.a -lm
.PHONY: bench-peers
bench-peers: $(B)/tests/bench/bench $(B)/hs2cert $(PEERS) build/peers/clips
	@sh tests/peers/peers.sh $(B) build/peers

# Random lives of the engine under faults: SEEDS of them from SEED on, or what fits into T seconds. Ended by Ctrl-C it
# tells what was lived until then.
SEEDS ?= 1000
SEED ?= 1
.PHONY: soak
soak: $(B)/tests/simulation/simulation
	@$(B)/tests/simulation/simulation --seed $(SEED) --seeds $(SEEDS) --jobs $$(nproc) \
		$(if $(filter command line,$(origin T)),--seconds $(T))

# libFuzzer over all that reads what others wrote: T seconds each, or RUNS executions; ONLY=name: one target.
# Corpora grow in build/fuzz/corpus; what is found is kept in build/fuzz/found.
T ?= 30
RUNS ?=
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))
# Without a fuzzer, a target replays files.
FUZZ_MAIN := $(if $(filter fuzz,$(VARIANT)),,$(B)/tests/fuzz/replay.o)

$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(FUZZ_MAIN) $(B)/tests/model/bursts.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(PKG_LIBS)

$(B)/tests/fuzz/statefile: $(DISK_OBJECTS)

.PHONY: fuzz fuzzers
fuzz: check-deps
	@$(MAKE) --no-print-directory -j2 CC=clang VARIANT=fuzz fuzzers
	@printf '%s\n' $(or $(ONLY),$(FUZZERS)) | xargs -P 2 -I @ sh tests/fuzz/fuzz.sh build/fuzz @ '$(T)' '$(RUNS)'
fuzzers: $(FUZZERS:%=$(B)/tests/fuzz/%)

# ---- install -----------------------------------------------------------------

# Pages, from templates and from the rows that the program runs on.
$(B)/docs/man/pages: $(B)/docs/man/pages.o $(filter-out $(B)/engine/cli/main.o,$(OBJECTS))
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)
$(MAN): $(B)/docs/man/pages $(wildcard docs/man/*.[1-8])
	$(call say,MAN,$(@D))
	$(Q)rm -rf $(@D) && mkdir -p $(@D) && $< docs/man $(@D) $(VERSION) $(RELEASED)
	@touch $@
.PHONY: man
man: $(MAN)
-include $(B)/docs/man/pages.d

UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
share := $(DESTDIR)$(PREFIX)/share
UNIT := $(DESTDIR)$(UNITDIR)/hs2cert.service

.PHONY: install uninstall
install: $(B)/hs2cert $(MAN)
	install -D -m 755 $(B)/hs2cert $(DESTDIR)$(PREFIX)/bin/hs2cert
	install -D -m 644 -t $(share)/man/man1 $(B)/man/*.1
	install -D -m 644 -t $(share)/man/man5 $(B)/man/*.5
	install -d $(addprefix $(share)/,bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	$(B)/hs2cert completion bash >$(share)/bash-completion/completions/hs2cert
	$(B)/hs2cert completion zsh >$(share)/zsh/site-functions/_hs2cert
	$(B)/hs2cert completion fish >$(share)/fish/vendor_completions.d/hs2cert.fish
	install -D -m 644 -t $(share)/doc/hs2cert README.md docs/*.md
	install -D -m 644 -t $(share)/doc/hs2cert/examples/rules.d rules.d/*.yaml
	install -D -m 644 -t $(share)/doc/hs2cert/examples/rules.d/tests rules.d/tests/*.yaml
	install -d $(dir $(UNIT))
	sed 's|/usr/local/bin/|$(PREFIX)/bin/|' contrib/hs2cert.service >$(UNIT)
	install -D -m 644 contrib/hs2cert.sysusers $(DESTDIR)$(SYSUSERSDIR)/hs2cert.conf

# What install puts there, and nothing that somebody else made.
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/hs2cert $(share)/man/man1/hs2cert.1 $(share)/man/man1/hs2cert-*.1 \
		$(share)/man/man5/hs2cert-rules.5 $(share)/bash-completion/completions/hs2cert \
		$(share)/zsh/site-functions/_hs2cert $(share)/fish/vendor_completions.d/hs2cert.fish \
		$(UNIT) $(DESTDIR)$(SYSUSERSDIR)/hs2cert.conf
	rm -rf $(share)/doc/hs2cert

# A package of Debian, from what is in Git, built by Debian's own tools; `make deb-check` has lintian look at it and, as root,
# installs and purges it in a root of its own. Both take minutes, so `make check` has neither.
DEB_PACKAGES := $(BUILD_PACKAGES) build-essential debhelper dpkg-dev
DEB := build/hs2cert_$(VERSION)_$(shell dpkg --print-architecture 2>/dev/null).deb
.PHONY: deb deb-check
deb:
	@sh contrib/deps.sh $(DEB_PACKAGES)
	@sh contrib/deb.sh $(VERSION)
deb-check:
	@sh contrib/deps.sh $(DEB_PACKAGES) lintian
	@$(MAKE) --no-print-directory deb
	@sh tests/deb/run.sh $(DEB)

.PHONY: clean
clean:
	rm -rf build
