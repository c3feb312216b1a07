# hs2cert: make | demo | check | bench | lint | fuzz | install
#
# Objects and dependencies go to $(B); VARIANT picks the compiler flags:
# release (default) or san (address and undefined behaviour sanitizers).

CC ?= gcc
PREFIX ?= /usr/local
DESTDIR ?=
VARIANT ?= release
V ?= 0
VERSION := 0.1.0

B_release := build
B_san := build/san
B := $(B_$(VARIANT))

LIBS := yaml-0.1 libcurl jansson libpcre2-8 libmicrohttpd sqlite3 libcrypto
PKG_CFLAGS = $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
PKG_LIBS = $(shell pkg-config --libs $(LIBS) 2>/dev/null)

WARN := -Wall -Wextra -Werror -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 -Wimplicit-fallthrough
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE -fno-strict-overflow \
	-fno-delete-null-pointer-checks
FLAGS_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 $(HARDEN)
FLAGS_san := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LD_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
LD_san := -fsanitize=address,undefined

CPPFLAGS += -D_GNU_SOURCE -DHS2CERT_VERSION='"$(VERSION)"' -I. -I$(B)/gen $(PKG_CFLAGS)
CFLAGS += -std=c11 $(WARN) $(FLAGS_$(VARIANT))
LDFLAGS += $(LD_$(VARIANT))

ifeq ($(V),0)
Q := @
say = @printf '  %-5s %s\n' '$(1)' '$(2)'
endif

# Everything but main.c, so that tests link the same objects as the program.
SOURCES := $(wildcard base/*.c dsl/*.c engine/*.c engine/*/*.c)
MAIN := engine/cli/main.c
LIB_OBJECTS := $(patsubst %.c,$(B)/%.o,$(filter-out $(MAIN),$(SOURCES)))

.PHONY: all
all: $(B)/hs2cert

$(B)/hs2cert: $(B)/engine/cli/main.o $(LIB_OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# schema.sql as a C string, so that the readable file is the one in force.
$(B)/gen/schema_sql.h: engine/store/schema.sql
	@mkdir -p $(@D)
	$(Q){ echo 'static const char schema_sql[] ='; \
	  sed -e 's/ *--.*//' -e '/^[[:space:]]*$$/d' -e 's/.*/"&\\n"/' $<; echo ';'; } > $@

$(B)/engine/store/db.o: $(B)/gen/schema_sql.h

$(B)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(LIB_OBJECTS:.o=.d) $(B)/engine/cli/main.d

.PHONY: clean
clean:
	rm -rf build
