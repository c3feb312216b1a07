/*
 * lock - what the connected accounts are made of: names of properties, options,
 * lists, groups and attributes, as `hs2cert pull` found them.
 *
 * A plain struct, and the file `hs2cert.lock` in the rules folder: read here as
 * one more source of diagnostics, written by `pull` and `validate --online`
 * (engine/names.h fills the struct). Not here: what rules make of it
 * (dsl/names.c). No secret and nothing of any contact is in it.
 *
 * The file is YAML, made to be committed and compared line by line:
 *
 *	lock: 1
 *	---
 *	account: certifier
 *	type: certifier
 *	groups:
 *	  "01g90279gp5sbmfek7wymcsvec": "Tier badge"
 *	attributes:
 *	  custom.tier: "Tier"
 *	---
 *	account: hubspot
 *	type: hubspot
 *	properties:
 *	  course_score: { label: "Course score", type: number, field: number }
 *	  membership_tier:
 *	    label: "Membership tier"
 *	    type: enumeration
 *	    field: select
 *	    options:
 *	      "gold": "Gold"
 *	      "old": { label: "Old", hidden: true }
 *	lists:
 *	  "4711": { name: "Graduates 2026", kind: manual }
 *
 * Invariants:
 *  1. The same facts make the same bytes: accounts by name, members by key.
 *  2. What is written can be read again, and gives the same facts.
 *  3. A key stands once in its section; lists are in order of their number.
 *  4. Names are one line of printable text; keys are exact, and what could not
 *     be written exactly is left out and leaves `more` or `open` behind.
 */
#ifndef DSL_LOCK_H
#define DSL_LOCK_H

#include <stdbool.h>

#include "base/diag.h"
#include "dsl/build.h"

#define LOCK_FILE "hs2cert.lock"
#define LOCK_VERSION 1

enum lock_kind { LOCK_PROPERTIES, LOCK_LISTS, LOCK_GROUPS, LOCK_ATTRIBUTES, LOCK_KINDS };
extern const char *const lock_kind_names[LOCK_KINDS]; /* "properties", … */

struct lock_option {
	const char *value, *label;
	bool hidden; /* nobody can choose it any more */
};

/* A property, list, group or attribute. */
struct lock_entry {
	const char *key;  /* internal name, list id, group id, "custom.tag" */
	const char *name; /* what people see: label, or name; may be empty */
	const char *type; /* of a property: "enumeration", …; of a list: "manual", …; else "" */
	const char *field;	    /* of a property: "select", "checkbox", …; else "" */
	struct lock_option *option; /* of a property, in byte order of their values */
	size_t n_option, cap_option;
	bool open; /* the property has options that are not listed here */
};

struct lock_section {
	struct lock_entry *entry;
	size_t count, cap;
	bool more; /* the account has more than stand here: what is not found may be there */
};

struct lock_account {
	const char *name, *type; /* as in the rule files */
	struct lock_section section[LOCK_KINDS];
};

struct lock {
	struct lock_account *account; /* in byte order of their names */
	size_t n_account, cap_account;
	struct arena memory;
};

void lock_init(struct lock *l);
void lock_release(struct lock *l);

/* ---- looking things up; NULL where there is none --------------------------- */

const struct lock_account *lock_account(const struct lock *l, const char *name);
const struct lock_entry *lock_find(const struct lock_account *a, enum lock_kind kind,
				   struct slice key);
const struct lock_option *lock_option(const struct lock_entry *property, struct slice value);
/* Whether this kind of thing exists at an account of this type. */
bool lock_has_kind(const char *type, enum lock_kind kind);

/* ---- making one ------------------------------------------------------------ */

/* Until lock_finish, nothing can be looked up. Answers stay valid until the next of the same. */
struct lock_account *lock_add_account(struct lock *l, const char *name, const char *type);
/*
 * NULL where it cannot be kept: a key that cannot be written exactly, or past
 * LIMIT_LOCK_ENTRIES; the section then has `more`.
 */
struct lock_entry *lock_add(struct lock *l, struct lock_account *a, enum lock_kind kind,
			    struct slice key, struct slice name);
void lock_add_option(struct lock *l, struct lock_entry *property, struct slice value,
		     struct slice label, bool hidden);
/* A word of the service (a type, a kind of field) as it may stand in the file. */
const char *lock_word(struct lock *l, struct slice word);
/* Takes an account out again, with all that was added to it; one that is not there is none. */
void lock_drop_account(struct lock *l, const char *name);
/* Puts everything in order, each key once. */
void lock_finish(struct lock *l);

/* The file's whole text, header included. */
void lock_write(const struct lock *l, struct str *out);

/* ---- reading it ------------------------------------------------------------ */

enum lock_state {
	LOCK_ABSENT,
	LOCK_READ,
	LOCK_DAMAGED, /* said in diags, with a place in the lock file */
};

/* All lock files among the sources, into `out` (initialised by the caller). */
enum lock_state lock_read(const struct sources *s, struct diags *diags, struct lock *out);

/* ---- comparing two ---------------------------------------------------------- */

enum lock_became {
	LOCK_NEW,
	LOCK_GONE,
	LOCK_RENAMED, /* its label or name: was, now */
	LOCK_RETYPED, /* its type, kind of field, or kind of list: was, now */
	LOCK_HIDDEN,  /* an option */
	LOCK_SHOWN,
	LOCK_OPENED, /* there are more than are listed */
	LOCK_CLOSED,
};

/* Texts are lent by the two locks. */
struct lock_change {
	const char *account;
	enum lock_kind kind; /* LOCK_KINDS: the account itself */
	const char *key;     /* NULL: the whole section */
	const char *option;  /* its value; NULL: none is meant */
	enum lock_became became;
	const char *was, *now; /* its name, or what changed; NULL where there is none */
};

extern const char *const lock_thing_names[LOCK_KINDS]; /* "property", … */

/* Tells every change in order, and answers how many. Both are finished. */
size_t lock_diff(const struct lock *was, const struct lock *now,
		 void (*told)(void *ctx, const struct lock_change *change), void *ctx);
/* "option 'gold' of property 'tier' is gone: Gold" */
void lock_change_words(const struct lock_change *c, struct str *out);

#endif
