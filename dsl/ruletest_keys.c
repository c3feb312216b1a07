/*
 * ruletest_keys - the keys of a rule test, its lists, steps and expectations, one row each.
 */
#include "base/clock.h"
#include "dsl/ruletest_read.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define STEPS_MOST (3660 * MS_DAY)

/* ---- a test ------------------------------------------------------------------ */

#define AT(member) offsetof(struct ruletest_draft, member)

static const struct key test_rows[] = {
	{ .name = "test",
	  .kind = KEY_TEXT,
	  .required = true,
	  .at = AT(name),
	  .about = { "What the test shows",
		     "Its name, which no other test has: results and `--run` go by it.",
		     "silver, then gold within a minute, earns one gold badge" } },
	{ .name = "description",
	  .kind = KEY_TEXT,
	  .at = AT(description),
	  .about = { "Description", "More words about it, for people.", NULL } },
	{ .name = "start",
	  .kind = KEY_TEXT,
	  .at = AT(start),
	  .about = { "The clock's start",
		     "A date-time with its zone. Where it is not given it is a Monday morning, "
		     "`2026-01-05T09:00:00Z`.",
		     "2026-03-29T00:30:00Z" } },
	{ .name = "contacts",
	  .kind = KEY_NODE,
	  .at = AT(contacts),
	  .about = { "Contacts",
		     "Who is there, since a day before the start: `id`, and properties by their "
		     "internal names.",
		     "{ id: 101, email: ana@example.org, membership_tier: Bronze }" } },
	{ .name = "lists",
	  .kind = KEY_NODE,
	  .at = AT(lists),
	  .about = { "Lists",
		     "Lists and who is on them. One that only rules or steps name is there, too, "
		     "and empty.",
		     "{ id: 42, name: Graduates, members: [101] }" } },
	{ .name = "steps",
	  .kind = KEY_NODE,
	  .at = AT(steps),
	  .about = { "Steps", "What happens, in order of time.", NULL } },
	{ .name = "expect",
	  .kind = KEY_NODE,
	  .required = true,
	  .at = AT(expect),
	  .about = { "What must come of it",
		     "Each issuance meets one entry, each entry one issuance. `[]`: nothing may be "
		     "issued.",
		     "{ rule: tier-badge, contact: 101, custom.tier: Gold }" } },
};

const struct keys ruletest_keys = { "test", test_rows, COUNT(test_rows) };

#undef AT
#define AT(member) offsetof(struct ruletest_list_draft, member)

static const struct key list_rows[] = {
	{ .name = "id",
	  .kind = KEY_TEXT,
	  .required = true,
	  .at = AT(id),
	  .names = NAMES_RECORD,
	  .about = { "Id of the list", "Digits, as a rule with the list's id names it.", "42" } },
	{ .name = "name",
	  .kind = KEY_TEXT,
	  .at = AT(name),
	  .about = { "Name of the list", "As a rule with the list's name names it.",
		     "Graduates" } },
	{ .name = "members",
	  .kind = KEY_NODE,
	  .at = AT(members),
	  .about = { "Members", "Ids of contacts that are on it before the start.", "[101]" } },
};

const struct keys ruletest_list_keys = { "list", list_rows, COUNT(list_rows) };

/* ---- what is expected ------------------------------------------------------------ */

#undef AT
#define AT(member) offsetof(struct ruletest_entry_draft, member)

static const struct key entry_rows[] = {
	{ .name = "rule",
	  .kind = KEY_NAME,
	  .required = true,
	  .at = AT(rule),
	  .about = { "Rule", "The rule that issues.", "tier-badge" } },
	{ .name = "contact",
	  .kind = KEY_TEXT,
	  .required = true,
	  .at = AT(contact),
	  .names = NAMES_RECORD,
	  .about = { "Contact", "Who gets it; of a contact that was merged also an old id.",
		     "101" } },
	{ .name = "state",
	  .kind = KEY_NODE,
	  .at = AT(state),
	  .about = { "State at the end", "`sent` where it is not named.", "held" } },
	{ .name = "group",
	  .kind = KEY_TEXT,
	  .at = AT(group),
	  .about = { "Group", "The id of the group of which it is one.", NULL },
	  .names = NAMES_GROUP },
	{ .name = "reason",
	  .kind = KEY_TEXT,
	  .at = AT(reason),
	  .about = { "Reason", "A part of the reason why it is held, skipped or refused.",
		     "no valid e-mail address" } },
};

const struct keys ruletest_entry_keys = { "expect", entry_rows, COUNT(entry_rows) };

/* ---- steps ------------------------------------------------------------------------ */

#undef AT
#define AT(member) offsetof(struct ruletest_step_draft, member)

const char *const ruletest_do_names[DO_COUNT + 1] = {
	[DO_SET] = "set",
	[DO_CREATE] = "create",
	[DO_JOIN] = "add-to-list",
	[DO_LEAVE] = "remove-from-list",
	[DO_MERGE] = "merge",
	[DO_DELETE] = "delete",
	[DO_RESTART] = "restart",
	[DO_RELOAD] = "reload",
	[DO_FAIL_SINK] = "certifier",
	[DO_FAIL_SOURCE] = "hubspot",
};

static const struct key step_rows[] = {
	{ .name = "at",
	  .kind = KEY_DURATION,
	  .required = true,
	  .at = AT(at_ms),
	  .most = STEPS_MOST,
	  .about = { "When", "Time from the clock's start.", "20s" } },
	{ .name = "set",
	  .kind = KEY_MAP,
	  .at = AT(what),
	  .about = { "Properties change", "Of one contact; `\"\"` clears one.",
		     "{ contact: 101, membership_tier: Silver }" } },
	{ .name = "create",
	  .kind = KEY_MAP,
	  .at = AT(what),
	  .about = { "A new contact", "With these values from its creation on.",
		     "{ id: 102, email: ben@example.org }" } },
	{ .name = "add-to-list",
	  .kind = KEY_MAP,
	  .at = AT(what),
	  .about = { "A contact joins a list", "", "{ contact: 101, list: 42 }" } },
	{ .name = "remove-from-list",
	  .kind = KEY_MAP,
	  .at = AT(what),
	  .about = { "A contact leaves a list", "", "{ contact: 101, list: 42 }" } },
	{ .name = "merge",
	  .kind = KEY_MAP,
	  .at = AT(what),
	  .about = { "Two contacts are merged",
		     "Into a new record, or, of the older kind, into the primary.",
		     "{ primary: 101, other: 102, into: 103 }" } },
	{ .name = "delete",
	  .kind = KEY_MAP,
	  .at = AT(what),
	  .about = { "A contact is deleted", "", "{ contact: 101 }" } },
	{ .name = "restart",
	  .kind = KEY_DURATION,
	  .at = AT(down_ms),
	  .most = STEPS_MOST,
	  .about = { "The program is down", "For that long; other steps happen all the same.",
		     "2h" } },
	{ .name = "reload",
	  .kind = KEY_TEXT,
	  .at = AT(what),
	  .about = { "Other rules are loaded",
		     "A folder in place of the rules folder, or a file in place of the one of its "
		     "name, as seen from the folder of the test.",
		     "stricter/10-tier-badge.yaml" } },
	{ .name = "certifier",
	  .kind = KEY_MAP,
	  .at = AT(what),
	  .about = { "Requests to Certifier fail", "", "{ fail: create, with: 500, times: 2 }" } },
	{ .name = "hubspot",
	  .kind = KEY_MAP,
	  .at = AT(what),
	  .about = { "Requests to HubSpot fail", "", "{ fail: search, with: 429 }" } },
};

const struct keys ruletest_step_keys = { "step", step_rows, COUNT(step_rows) };

#undef AT
#define AT(member) offsetof(struct ruletest_ids_draft, member)
#define CONTACT                                                                                    \
	{                                                                                          \
		.name = "contact", .kind = KEY_TEXT, .required = true, .at = AT(contact),          \
		.names = NAMES_RECORD, .about = {                                                  \
			"Contact",                                                                 \
			"Its id at that time.",                                                    \
			"101"                                                                      \
		}                                                                                  \
	}

static const struct key list_change_rows[] = {
	CONTACT,
	{ .name = "list",
	  .kind = KEY_TEXT,
	  .required = true,
	  .at = AT(list),
	  .names = NAMES_RECORD,
	  .about = { "List", "Its id. One that is not declared is there, and empty.", "42" } },
};

static const struct key merge_rows[] = {
	{ .name = "primary",
	  .kind = KEY_TEXT,
	  .required = true,
	  .at = AT(primary),
	  .names = NAMES_RECORD,
	  .about = { "Primary", "The contact whose values win.", "101" } },
	{ .name = "other",
	  .kind = KEY_TEXT,
	  .required = true,
	  .at = AT(other),
	  .names = NAMES_RECORD,
	  .about = { "The other contact", "", "102" } },
	{ .name = "into",
	  .kind = KEY_TEXT,
	  .required = true,
	  .at = AT(into),
	  .names = NAMES_RECORD,
	  .about = { "Id of the result", "A new one, or the primary's.", "103" } },
};

static const struct key delete_rows[] = { CONTACT };

const struct keys ruletest_ids_keys[] = {
	[DO_JOIN] = { "add-to-list", list_change_rows, COUNT(list_change_rows) },
	[DO_LEAVE] = { "remove-from-list", list_change_rows, COUNT(list_change_rows) },
	[DO_MERGE] = { "merge", merge_rows, COUNT(merge_rows) },
	[DO_DELETE] = { "delete", delete_rows, COUNT(delete_rows) },
};

/* ---- requests that fail -------------------------------------------------------------- */

#undef AT
#define AT(member) offsetof(struct ruletest_fault_draft, member)
#define WITH_AND_TIMES                                                                             \
	{ .name = "with",                                                                          \
	  .kind = KEY_TEXT,                                                                        \
	  .at = AT(with),                                                                          \
	  .about = { "How it fails",                                                               \
		     "A status, `cut-before`, `cut-after` (it is done, no answer comes) or "       \
		     "`timeout`; 500 where not given.",                                            \
		     "503" } },                                                                    \
	{                                                                                          \
		.name = "times", .kind = KEY_TEXT, .at = AT(times), .about = {                     \
			"How often",                                                               \
			"Once where not given.",                                                   \
			"2"                                                                        \
		}                                                                                  \
	}

static const char *const sink_words[] = {
	"create", "issue", "send", "search", "read", "all", NULL
};
static const char *const sink_meanings[] = { "The draft is made.",
					     "It is issued.",
					     "It is mailed.",
					     "What is there is looked for.",
					     "One credential is read.",
					     "Every request to Certifier.",
					     NULL };
static const char *const sink_calls[] = {
	"create", "issue", "send", "search-credentials", "get-credential", "certifier", NULL
};
static const char *const source_words[] = { "search", "read", "members", "all", NULL };
static const char *const source_meanings[] = { "A poll looks for changes.",
					       "Contacts are read with their history.",
					       "The members of a list are read.",
					       "Every request to HubSpot.", NULL };

static const char *const source_calls[] = { "search", "read", "memberships", "hubspot", NULL };

#define SAME(words, others)                                                                        \
	_Static_assert(COUNT(words) == COUNT(others), "each word of " #words " has its own")
SAME(sink_words, sink_meanings);
SAME(sink_words, sink_calls);
SAME(source_words, source_meanings);
SAME(source_words, source_calls);

static const struct key sink_rows[] = {
	{ .name = "fail",
	  .kind = KEY_WORD,
	  .required = true,
	  .at = AT(call),
	  .words = sink_words,
	  .meaning = sink_meanings,
	  .about = { "Which request fails", "", "create" } },
	WITH_AND_TIMES,
};

static const struct key source_rows[] = {
	{ .name = "fail",
	  .kind = KEY_WORD,
	  .required = true,
	  .at = AT(call),
	  .words = source_words,
	  .meaning = source_meanings,
	  .about = { "Which request fails", "", "search" } },
	WITH_AND_TIMES,
};

const struct keys ruletest_fault_keys[] = {
	[DO_FAIL_SINK] = { "certifier", sink_rows, COUNT(sink_rows) },
	[DO_FAIL_SOURCE] = { "hubspot", source_rows, COUNT(source_rows) },
};

const char *const *const ruletest_calls[] = {
	[DO_FAIL_SINK] = sink_calls,
	[DO_FAIL_SOURCE] = source_calls,
};
