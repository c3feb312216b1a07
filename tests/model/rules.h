/*
 * rules - rules as data, and what they say of a contact as of a time.
 *
 * Not the rule language: the simulation draws rules as data and writes the YAML
 * from them for the engine; the oracle reads the same data.
 */
#ifndef MODEL_RULES_H
#define MODEL_RULES_H

#include "base/str.h"
#include "tests/model/portal.h"

enum model_operator {
	OP_IS,
	OP_IS_NOT,
	OP_IN,
	OP_NOT_IN,
	OP_CONTAINS,
	OP_STARTS,
	OP_ENDS,
	OP_HAS,
	OP_HAS_NOT,
	OP_AT_LEAST,
	OP_AT_MOST,
	OP_MORE,
	OP_LESS,
	OP_KNOWN,
	OP_UNKNOWN,
	OPERATORS
};

#define MODEL_VALUES 4
#define MODEL_CHILDREN 3
#define MODEL_RULES 12

struct model_values {
	const char *value[MODEL_VALUES];
	size_t count;
};

struct model_filter {
	enum { FILTER_TEST, FILTER_ALL, FILTER_ANY, FILTER_NOT } kind;
	enum model_property property;
	enum model_operator operator;
	struct model_values values;
	const struct model_filter *child[MODEL_CHILDREN];
	size_t children;
};

enum model_name { NAME_DEFAULT, NAME_FIRST, NAME_UPPER, NAME_PARTS };

struct model_rule {
	const char *name;
	int edition; /* another wording of the same rule has another one */
	enum { MODEL_LIVE, MODEL_SHADOW, MODEL_OFF } mode;
	bool joins;		      /* list-added; else property-changed */
	enum model_property property; /* property-changed */
	size_t list;		      /* list-added: its number in the portal … */
	int64_t list_id;
	const char *list_name;
	bool by_name; /* … and how the rule names it */
	struct model_values from, to;
	bool says_from, says_to;
	bool says_settle; /* false: the default stands in settle_ms */
	int64_t settle_ms;
	const struct model_filter *filter; /* NULL: none */
	enum { REPEATS_EVERY, REPEATS_VALUE, REPEATS_CONTACT } repeat;
	int64_t hold_ms;   /* missing-email: hold; 0: skip */
	int64_t brake;	   /* an hour; 0: off */
	const char *since; /* a date, NULL: now */
	int64_t since_ms;
	const char *group;
	const char *account; /* of the action; NULL: the only one */
	bool issue, send;
	enum model_name names;
	bool says_to_field; /* custom.tier holds event.to, or the list's name */
	bool stamped;	    /* custom.note holds rule, time and contact */
	bool expires;
	const char *description;
};

struct model_rules {
	struct model_rule rule[MODEL_RULES];
	size_t count;
	const char *poll; /* of the account */
	const char *api;
	bool webhooks;
	bool spare; /* there is another account of the same workspace */
};

enum model_answer { MODEL_NO, MODEL_MAYBE, MODEL_YES };

/*
 * What is there when the event is this old: from, to and filters. Maybe: a merge set a value without an entry, and
 * whoever looked late could not tell. (`merge_known`: when the merge was is known to all who look.)
 */
enum model_answer model_matches(const struct model_rule *rule, const struct model_record *r,
				const char *from, const char *to, int64_t as_of_ms,
				bool merge_known);
bool model_email_valid(const char *address);

/* An issuance as it would be rendered from a look at that time. */
struct model_fields {
	struct str name, email, note;
	const char *tier; /* "" where the rule has none */
	char issue_date[32], expiry_date[32];
};

struct model_event {
	const struct model_rule *rule;
	struct model_record *who;
	int64_t at_ms;
	const char *from, *to;
};

/* Both in pairs; `at_ms` is the time of the look. */
void model_render(const struct model_event *e, int64_t at_ms, struct model_fields *out);
void model_fields_release(struct model_fields *f);

#endif
