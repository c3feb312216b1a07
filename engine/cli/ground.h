/*
 * ground - what a command that lets an engine live stands on: network, log, rules, secrets.
 *
 * For run and reconcile. The state is opened by each in its own way.
 */
#ifndef ENGINE_CLI_GROUND_H
#define ENGINE_CLI_GROUND_H

#include "engine/cli/cli.h"
#include "engine/net.h"
#include "engine/record.h"

struct ground {
	const struct cli *cli;
	const char *rules; /* folder */
	struct world
		world; /* its db is not set here; its grants, where they are, are closed with the ground */
	struct log log;
	struct net *net;
};

/*
 * From the options --rules, --timezone, --log-format, --log-level; `level` where there is no such
 * option. EXIT_FINE, else an exit status after a message.
 */
int ground_open(struct ground *g, const struct cli *cli, enum log_level level);
void ground_close(struct ground *g); /* also after a failed ground_open */

/* Why the command cannot go on: as cli_fail, or a line of a log of JSON. Answers EXIT_COULD_NOT. */
int ground_fail(const struct ground *g, const struct err *err);

/* What was found in the rules, beside what went to stderr. */
struct ground_findings {
	const struct log *log; /* lent; where it is JSON, what is found goes there, a line each */
	size_t errors, warnings;
	struct str text; /* as `validate` prints them, without colours … */
	struct str
		json; /* … and its one object with --format json; empty where nothing could be read */
};

void ground_findings_init(struct ground_findings *f, const struct log *log);
void ground_findings_release(struct ground_findings *f);
/*
 * Reads, checks and compiles the folder. Diagnostics go to stderr as `validate` shows them, or to a log of
 * JSON, and into `findings`. NULL where anything is wrong: errors in the rules, or none and err.
 */
struct table *ground_table(const char *rules, struct ground_findings *findings, struct err *err);
/*
 * Where an account of the table is connected over OAuth and the world has no db yet, its grants
 * are read from the state, beside a daemon: for commands that need no state else.
 */
enum rc ground_grants(struct ground *g, const struct table *table, struct err *err) MUST_CHECK;
/*
 * Every account's secret can be had now: an account that cannot work is said at the door, not
 * found out later. A file of a secret that everybody can read is warned of. Grants as ground_grants.
 */
enum rc ground_secrets(struct ground *g, const struct table *table, struct err *err) MUST_CHECK;
/* Warns where everybody can read this file of a secret; `account`: whose, or NULL. */
void ground_warn_of_open(const struct ground *g, const char *account, const char *file);
/* Of a rule that is in no table: the one that may be meant, else those that there are. Answers EXIT_USAGE. */
int ground_unknown_rule(const struct cli *cli, const struct table *table, const char *name);
/* Waits for an answer, but not beyond this monotonic time; INT64_MAX: for an answer alone. */
enum rc ground_turn(struct ground *g, int64_t wake_ms, struct err *err) MUST_CHECK;
/* The table at a start: EXIT_FINE, else an exit status after a message. */
int ground_rules(struct ground *g, struct table **out);
/*
 * The rules in force in the world's state; days begin where they do for them, unless --timezone says otherwise. EXIT_FINE,
 * else 3 after a message; to be released in any case.
 */
int ground_in_force(const struct ground *g, struct arena *memory, struct ruleset *out);
/*
 * The table at a start for a command that works by the rules in force and is to load none: the table of the folder, where
 * it is what is in force in the world's state; days begin where they do for it. Else 3 after a message.
 */
int ground_rules_in_force(struct ground *g, struct table **out);

extern const char *const ground_log_formats[], *const ground_log_levels[]; /* NULL-ended */

/* What --log-format and --log-level take. */
#define GROUND_WORDS                                                                               \
	{ "log-format", ground_log_formats, 2 },                                                   \
	{                                                                                          \
		"log-level", ground_log_levels, 4                                                  \
	}
#define GROUND_OPTION_TIMEZONE                                                                     \
	{                                                                                          \
		"timezone", "ZONE", "where days begin, e.g. Europe/Warsaw (default UTC)"           \
	}
#define GROUND_OPTION_TIMEZONE_IN_FORCE                                                            \
	{                                                                                          \
		"timezone", "ZONE",                                                                \
			"where days begin (default: where they do for the rules in force)"         \
	}
#define GROUND_OPTION_LOG_FORMAT                                                                   \
	{                                                                                          \
		"log-format", "F", "text (default) or json"                                        \
	}
#define GROUND_OPTION_LOG_LEVEL                                                                    \
	{                                                                                          \
		"log-level", "L", "debug, info (default), warn or error"                           \
	}
/* Of a command that somebody reads. */
#define GROUND_OPTION_LOG_LEVEL_WARN                                                               \
	{                                                                                          \
		"log-level", "L", "debug, info, warn (default) or error"                           \
	}

#endif
