/*
 * table - the compiled rules: what the engine sees of the rule language.
 *
 * A table is frozen: nothing in it changes after dsl/build.c made it. It is
 * shared by reference count and lives in one arena. It knows names, programs
 * and an index; it knows no socket, no database, no clock and no secret's
 * value. The engine reads the plain facts below; filters and templates are
 * opaque programs for dsl/eval.h.
 */
#ifndef DSL_TABLE_H
#define DSL_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsl/piece.h"
#include "base/str.h"

/* ---- accounts ---------------------------------------------------------- */

enum secret_from { SECRET_ENV, SECRET_FILE };

/* Where a secret is to be found; never the secret. */
struct secret {
	enum secret_from from;
	const char *name; /* of the environment variable, or a path as written */
};

enum setting_kind { SETTING_TEXT, SETTING_DURATION, SETTING_RATE, SETTING_SECRET };

/*
 * One key under `hubspot:` or `certifier:`, default filled in. Keys inside a sub-map are
 * written `webhook.public-url`.
 */
struct setting {
	const char *key;
	enum setting_kind kind;
	bool given;		 /* false: the default of rules.md */
	const char *text;	 /* SETTING_TEXT */
	int64_t duration_ms;	 /* SETTING_DURATION */
	double per_second;	 /* SETTING_RATE */
	struct secret secret[2]; /* SETTING_SECRET: one, or two during rotation */
	size_t n_secret;
};

struct account {
	const char *name;
	const char *type; /* the key that says which: "hubspot", "certifier" */
	const struct setting
		*setting; /* every key of the type: given, or with a default, or neither (absent) */
	size_t n_setting;
};

/* NULL where the account does not have the key and it has no default. */
const struct setting *account_setting(const struct account *account, const char *key);
const char *account_text(const struct account *account, const char *key); /* NULL likewise */
int64_t account_ms(const struct account *account, const char *key);	  /* 0 likewise */

/* ---- rules ------------------------------------------------------------- */

enum event_kind { EVENT_PROPERTY_CHANGED, EVENT_LIST_ADDED };
extern const char *const event_kind_names[]; /* "property-changed", "list-added" */

enum rule_mode { MODE_LIVE, MODE_SHADOW, MODE_OFF };
extern const char *const rule_mode_names[];

enum repeat { REPEAT_EVERY_CHANGE, REPEAT_ONCE_PER_VALUE, REPEAT_ONCE_PER_CONTACT };

struct filter;	 /* a compiled filter, dsl/eval.h */
struct template; /* a compiled template, dsl/eval.h */

struct field {
	const char *name;	      /* "recipient.name", "issue-date", "custom.tier" */
	const struct template *value; /* as written, or the default of rules.md */
	bool given;
	uint32_t line, column; /* in the rule's file; 0 where it is not given */
};

#define SINCE_NOW INT64_MIN

/* What most rules say alike, or do not say: once for all that say the same. */
struct policy {
	enum repeat repeat;
	int64_t hold_email_ms;		   /* missing-email: 0 is skip */
	int64_t brake_count, brake_per_ms; /* brake_count 0: off */
	int64_t since_ms;		   /* or SINCE_NOW */
};

/* Texts, values and fields that are the same in many rules are there once; 120 bytes. */
struct rule {
	const char *name;
	const char *description; /* "" where there is none */
	const char *file;	 /* place of the rule's first line */
	uint32_t line;
	uint32_t id; /* index in table->rule */

	uint32_t source;	       /* index in table->account */
	uint32_t action;	       /* likewise */
	const char *target;	       /* property name, list id, or list name */
	const struct slice *from, *to; /* NULL and 0: any */
	uint32_t n_from, n_to;
	const struct filter *filter; /* NULL: none */
	int64_t settle_ms;

	const char *group;
	const struct field
		*field; /* all: the four with defaults and every custom.* that is given */
	const struct policy *policy;
	uint32_t n_field;

	enum event_kind event : 8;
	enum rule_mode mode : 8;
	bool target_is_name : 1; /* list-added: target is a list's name, not its id */
	bool issue : 1, send : 1;
	bool labels : 1; /* some field wants the label of a value: rule_labels of dsl/eval.h says whose */
};

/* ---- the properties that a source must read ---------------------------- */

/*
 * A property of one source account that some rule reads. Its index in
 * table->property is the number by which filters and templates know it, the
 * `property` of struct facts.
 */
struct property {
	uint32_t source; /* index in table->account */
	const char *name;
	bool history; /* a trigger, a filter or an e-mail template reads it as of a time */
	bool label;   /* a template wants the label of its value */
};

/* ---- the table --------------------------------------------------------- */

/* A rule file as it was read. */
struct rule_file {
	const char *path;
	struct slice text;	   /* empty once it was forgotten … */
	const struct piece *piece; /* … as are its pieces: NULL then */
	size_t pieces;
	char digest[DIGEST_HEX]; /* of the text */
};

/* 16 hex digits and the NUL: each decision and each issuance names the table it is of. */
#define TABLE_HASH 17

struct table {
	const struct account *account;
	size_t n_account;
	const struct rule *rule; /* in order of their names */
	size_t n_rule;
	const struct property *property;
	size_t n_property;
	struct rule_file *file; /* what it was made from */
	size_t n_file;
	char hash[TABLE_HASH]; /* of what the rules mean, not of how they are written */
	size_t bytes;	       /* memory that it holds, but for the texts of its files */
	struct table_index *index;
	atomic_int refs; /* the last one may be given up on another thread than the loop's */
	struct table_memory *memory;
};

struct table *table_ref(struct table *t); /* answers t */
void table_unref(struct table *t);	  /* NULL does nothing; the last one frees */

/*
 * Lets go of the texts of the files, which are more than all the rest of a table: for who keeps it for
 * long, once they are on record (engine/record.h). Their digests stay.
 */
void table_forget_texts(const struct table *t);

/* NULL where there is none. */
const struct account *table_account(const struct table *t, const char *name);
const struct rule *table_rule(const struct table *t, const char *name);
/* How many rules are live or in shadow. */
size_t table_active(const struct table *t);
/*
 * Whether it has no rule at all where so many are in force: more likely a folder that was emptied, or is not
 * mounted, than a wish.
 */
bool table_is_emptied(const struct table *t, size_t active);

/* Rule ids, ascending; lent by the table. */
struct rule_ids {
	const uint32_t *id;
	size_t count;
};

/*
 * The rules (mode live or shadow) that an event can match: those that name
 * `value` in `to:`, and those that have no `to:`. For list-added pass the
 * target's text as written in the rule and an empty value. An empty value of
 * property-changed is matched only by rules that name "": behaviour.md P7.
 * Costs one or two look-ups, however many rules there are.
 */
void table_candidates(const struct table *t, uint32_t source, enum event_kind event,
		      const char *target, struct slice value, struct rule_ids out[2]);

/* Canonical text of what was compiled, for golden tests and the hash. */
void table_dump(const struct table *t, struct str *out);
/* The same of one rule of it, a fact a line. */
void rule_dump(const struct table *t, const struct rule *rule, struct str *out);

#endif
