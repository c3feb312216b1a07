/*
 * limits - every ceiling on what comes from outside, with its reason.
 *
 * Not a place for tuning: a number here is a wall that turns a hostile or
 * broken input into an error with a place. Used by everybody.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Rule files. A megabyte is some 3,000 rules; libyaml is quadratic in nesting. */
#define LIMIT_RULE_FILE_BYTES (8u * 1024 * 1024)
#define LIMIT_RULE_FILES 4096u
#define LIMIT_YAML_DEPTH 32u
#define LIMIT_YAML_EVENTS 2000000u
#define LIMIT_YAML_SCALAR_BYTES (64u * 1024)
#define LIMIT_RULES 200000u
#define LIMIT_DIAGNOSTICS 1000u
/* A filter nests as YAML does; a template is one scalar. */
#define LIMIT_TEMPLATE_PARTS 256u
#define LIMIT_TEMPLATE_FUNCTIONS 32u
#define LIMIT_VALUES 10000u

/* Rule tests: contacts, lists, steps, and what is expected, of one test each. */
#define LIMIT_TEST_ENTRIES 10000u

/*
 * The lock file. HubSpot's search reaches 10,000 lists; a portal has some 1,000 properties, of which one
 * may have some 1,000 options. A key longer than 1,024 characters is none to libyaml.
 */
#define LIMIT_LOCK_ENTRIES 20000u
#define LIMIT_LOCK_OPTIONS 5000u
#define LIMIT_LOCK_TEXT_BYTES 200u

/* Patterns: a bad 41-byte match costs 132 ms at pcre2's own limit, 1.3 ms here. */
#define LIMIT_PATTERN_BYTES 4096u
#define LIMIT_MATCH_STEPS 100000u
#define LIMIT_MATCH_HEAP_KIB 4096u

/* HubSpot's own ceiling on a string property is 65,536 characters. */
#define LIMIT_VALUE_BYTES (256u * 1024)
/* A rendered field: more than any attribute holds. */
#define LIMIT_FIELD_BYTES (64u * 1024)

/* JSON answers: jansson's recursion and memory are ours to bound. */
#define LIMIT_JSON_DEPTH 32u
#define LIMIT_ANSWER_BYTES (64u * 1024 * 1024)
#define LIMIT_HEADER_BYTES (16u * 1024)
#define LIMIT_URL_BYTES (8u * 1024)

/*
 * A webhook: HubSpot puts at most 100 events into one, some 400 bytes each; those with long values are
 * found by polling if they do not fit.
 */
#define LIMIT_HOOK_BYTES (1024u * 1024)
#define LIMIT_HOOK_EVENTS 1000u

/*
 * Messages that are stored and not yet news: a million events, of 3 KB each at 100 events. Who sends more
 * is told to send it again later.
 */
#define LIMIT_HEARD_MESSAGES 10000

/* Ids from outside go into paths and keys. */
#define LIMIT_ID_BYTES 64u

/*
 * The admin endpoint: nothing that it takes has a body worth the name, and a few people and one
 * scraper ask it. Who says nothing for ten seconds is shown out.
 */
#define LIMIT_ADMIN_BODY_BYTES (16u * 1024)
#define LIMIT_ADMIN_CONNECTIONS 32u
#define LIMIT_ADMIN_IDLE_SECONDS 10u
/* Its token: shorter ones could be guessed. */
#define LIMIT_ADMIN_TOKEN_LEAST 16u

/* One secret: tokens are some 300 characters, OAuth ones up to 1,000. */
#define LIMIT_SECRET_BYTES 4096u
/* The body of a request for tokens: three secrets, percent-encoded. */
#define LIMIT_FORM_BYTES (64u * 1024)
/* The scopes of a grant: HubSpot has some 400 of them. */
#define LIMIT_SCOPES_BYTES (16u * 1024)

/* One line of text that says what went wrong. */
#define LIMIT_ERROR_BYTES 512u

#endif
