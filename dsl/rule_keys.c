/*
 * rule_keys - the keys of a rule, its trigger and its action, one row each.
 *
 * What a row says to people is short: docs/RULES.md tells the whole.
 */
#include "base/clock.h"
#include "dsl/rule.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define AT(member) offsetof(struct rule_draft, member)

/* ---- words ------------------------------------------------------------- */

const char *const event_kind_names[] = { "property-changed", "list-added", NULL };
static const char *const event_meanings[] = {
	"A property of a contact got a new value.",
	"A contact was added to a list, of whatever kind.",
	NULL,
};

const char *const rule_mode_names[] = { "live", "shadow", "off", NULL };
static const char *const mode_meanings[] = {
	"It issues.",
	"It decides and records what it would have issued, and issues nothing.",
	"It is not in force. Switched on again, it counts from then on.",
	NULL,
};

static const char *const repeats[] = { "every-change", "once-per-value", "once-per-contact", NULL };
static const char *const repeat_meanings[] = {
	"Each change that fits earns a credential.",
	"Each value earns one credential per contact: falling and rising again earns no second one.",
	"A contact earns one credential of this rule, for ever.",
	NULL,
};

static const char *const actions[] = { "issue-credential", NULL };
static const char *const action_meanings[] = {
	"Make a digital credential at Certifier, issue it and mail it.",
	NULL,
};

#define SAME(words, meanings)                                                                      \
	_Static_assert(COUNT(words) == COUNT(meanings), "each word of " #words " has a meaning")
SAME(event_kind_names, event_meanings);
SAME(rule_mode_names, mode_meanings);
SAME(repeats, repeat_meanings);
SAME(actions, action_meanings);

/* ---- rule -------------------------------------------------------------- */

static const struct key rule_rows[] = {
	{ .name = "rule",
	  .kind = KEY_NAME,
	  .required = true,
	  .at = AT(name_node),
	  .about = { "Name of the rule",
		     "The only one of its kind over all files: `a` to `z`, digits and `-`. What the rule "
		     "has issued is remembered under it; renaming makes it another rule.",
		     "tier-badge" } },
	{ .name = "description",
	  .kind = KEY_TEXT,
	  .at = AT(description),
	  .about = { "Description", "A sentence for people, shown wherever the rule is shown.",
		     "Members who reach Silver or Gold get the badge of that tier." } },
	{ .name = "mode",
	  .kind = KEY_WORD,
	  .at = AT(mode),
	  .otherwise = "live",
	  .words = rule_mode_names,
	  .meaning = mode_meanings,
	  .about = { "Mode",
		     "Begin a new rule with `shadow`, look at `hs2cert runs`, then write `live`.",
		     NULL } },
	{ .name = "trigger",
	  .kind = KEY_MAP,
	  .required = true,
	  .at = AT(trigger),
	  .about = { "Trigger", "What must happen to a contact in HubSpot.", NULL } },
	{ .name = "action",
	  .kind = KEY_MAP,
	  .required = true,
	  .at = AT(action),
	  .about = { "Action", "What is issued at Certifier.", NULL } },
	{ .name = "repeat",
	  .kind = KEY_WORD,
	  .at = AT(repeat),
	  .otherwise = "every-change",
	  .words = repeats,
	  .meaning = repeat_meanings,
	  .about = { "Repeat",
		     "Whether the same contact may earn another credential of this rule. For lists "
		     "the last two words are the same.",
		     NULL } },
	{ .name = "missing-email",
	  .kind = KEY_TEXT,
	  .at = AT(missing_email),
	  .otherwise = "skip",
	  .pattern = "^(skip|hold +[0-9]+(ms|s|m|h|d))$",
	  .about = { "Without an e-mail address",
		     "A contact without a valid address earns nothing (`skip`), or the issuance waits for "
		     "one (`hold 30d`, up to ten years, counted from the event).",
		     "hold 30d" } },
	{ .name = "brake",
	  .kind = KEY_TEXT,
	  .at = AT(brake),
	  .otherwise = "1000/h",
	  .pattern = "^(off|(?=[0-9.]*[1-9])[0-9]{1,9}(\\.[0-9]{1,6})?/[smhd])$",
	  .about = { "Brake",
		     "More events than this in any rolling hour (or `/d`, `/m`, `/s`) are held until "
		     "a person approves them with `hs2cert approve`; `off` holds none.",
		     "50/h" } },
	{ .name = "since",
	  .kind = KEY_TEXT,
	  .at = AT(since),
	  .otherwise = "now",
	  .pattern = "^(now|[0-9]{4}-[0-9]{2}-[0-9]{2})$",
	  .about = { "Since",
		     "On the very first load: count changes from `now` on, or from the beginning of "
		     "a day on.",
		     "2026-01-31" } },
};

const struct keys rule_keys = { "rule", rule_rows, COUNT(rule_rows) };

/* ---- trigger ----------------------------------------------------------- */

#define EVENT                                                                                      \
	.name = "event", .kind = KEY_WORD, .required = true, .at = AT(event),                      \
	.words = event_kind_names, .meaning = event_meanings,                                      \
	.about = { "Event", "What happens: a property changes, or a contact is added to a list.",  \
		   NULL }
#define ACCOUNT                                                                                    \
	.name = "account", .kind = KEY_NAME, .at = AT(trigger_account), .names = NAMES_ACCOUNT,    \
	.about = { "HubSpot account",                                                              \
		   "The name of an account of HubSpot. Needed only where there are several.",      \
		   "hubspot" }
#define PROPERTY                                                                                   \
	.name = "property", .kind = KEY_TEXT, .at = AT(property), .names = NAMES_PROPERTY,         \
	.about = { "Property",                                                                     \
		   "The internal name of the contact's property, not its label. HubSpot shows it " \
		   "behind `</>` in the property's settings.",                                     \
		   "membership_tier" }
#define FROM                                                                                       \
	.name = "from", .kind = KEY_TEXTS, .at = AT(from),                                         \
	.about = { "Value before",                                                                 \
		   "One value, or a list of several; any where it is left out. Exactly the "       \
		   "internal value of an option, not its label; `\"\"` is the empty value.",       \
		   "[Bronze, Silver]" }
#define TO                                                                                         \
	.name = "to", .kind = KEY_TEXTS, .at = AT(to),                                             \
	.about = { "Value after",                                                                  \
		   "One value, or a list of several; any but the empty one where it is left out. " \
		   "Exactly the internal value of an option, not its label.",                      \
		   "[Silver, Gold]" }
#define LIST                                                                                       \
	.name = "list", .kind = KEY_TEXT, .at = AT(list), .names = NAMES_LIST,                     \
	.about = { "List",                                                                         \
		   "Digits are a list's id, any other text is its name. A name of digits is "      \
		   "quoted: `\"2026\"`.",                                                          \
		   "4711" }
#define SETTLE(otherwise_)                                                                          \
	.name = "settle", .kind = KEY_DURATION, .at = AT(settle_ms), .otherwise = otherwise_,       \
	.least = 0, .most = MS_DAY,                                                                 \
	.about = {                                                                                  \
		"Settle",                                                                           \
		"Wait this long for further changes: several within it count as one, for the last " \
		"value. `0s` to `24h`.",                                                            \
		"5m"                                                                                \
	}
#define FILTERS                                                                                    \
	.name = "filters", .kind = KEY_NODE, .at = AT(filters),                                    \
	.about = { "Filters", "What must be true of the contact besides. All entries must hold.",  \
		   NULL }

static const struct key changed_rows[] = {
	{ EVENT },	   { ACCOUNT }, { PROPERTY, .required = true }, { FROM }, { TO },
	{ SETTLE("60s") }, { FILTERS },
};

static const struct key added_rows[] = {
	{ EVENT }, { ACCOUNT }, { LIST, .required = true }, { SETTLE("10s") }, { FILTERS },
};

static const struct key any_rows[] = {
	{ EVENT }, { ACCOUNT }, { PROPERTY },	   { FROM },
	{ TO },	   { LIST },	{ SETTLE("60s") }, { FILTERS },
};

const struct keys trigger_any_keys = { "trigger", any_rows, COUNT(any_rows) };
const struct keys trigger_keys[] = {
	[EVENT_PROPERTY_CHANGED] = { "trigger", changed_rows, COUNT(changed_rows) },
	[EVENT_LIST_ADDED] = { "trigger", added_rows, COUNT(added_rows) },
};

/* ---- action ------------------------------------------------------------ */

static const struct key action_rows[] = {
	{ .name = "do",
	  .kind = KEY_WORD,
	  .required = true,
	  .at = AT(act),
	  .words = actions,
	  .meaning = action_meanings,
	  .about = { "Do", "What is done.", NULL } },
	{ .name = "account",
	  .kind = KEY_NAME,
	  .at = AT(action_account),
	  .names = NAMES_ACCOUNT,
	  .about = { "Certifier account",
		     "The name of an account of Certifier. Needed only where there are several.",
		     "certifier" } },
	{ .name = "group",
	  .kind = KEY_TEXT,
	  .required = true,
	  .at = AT(group),
	  .names = NAMES_GROUP,
	  .about = { "Group",
		     "The id of the group (the credential template) at Certifier, not its name.",
		     "01g90279gp5sbmfek7wymcsvec" } },
	{ .name = "fields",
	  .kind = KEY_MAP,
	  .at = AT(fields),
	  .about = { "Fields", "What stands on the credential. Fields left out have defaults.",
		     NULL } },
	{ .name = "issue",
	  .kind = KEY_BOOL,
	  .at = AT(issue),
	  .otherwise = "true",
	  .about = { "Issue", "`false` leaves a draft at Certifier, for a last look.", NULL } },
	{ .name = "send",
	  .kind = KEY_BOOL,
	  .at = AT(send),
	  .otherwise = "true",
	  .about = { "Send", "`false` issues without a mail. It counts only where `issue` is true.",
		     NULL } },
};

const struct keys action_keys = { "action", action_rows, COUNT(action_rows) };
