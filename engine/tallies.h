/*
 * tallies - what was counted since the process began, by name, account and a word for the kind: for
 * what sources hear, whose kinds only they know. For metrics, the status page and tests.
 *
 * Whoever shows a row names it after these (`heard_requests{account="academy",kind="forged"}`).
 * In memory only; nothing is decided by it, nothing in it tells of a person.
 */
#ifndef ENGINE_TALLIES_H
#define ENGINE_TALLIES_H

#include <stddef.h>
#include <stdint.h>

struct tallied {
	const char *name, *kind; /* constants; kind "" where there is only one */
	char *account;
	int64_t value;
};

/* Rows in the order in which they were first counted. All zero: empty. */
struct tallies {
	struct tallied *row;
	size_t count, cap;
};

/* `name` and `kind` must be constants; `account` is copied. */
void tallies_add(struct tallies *c, const char *name, const char *account, const char *kind,
		 int64_t by);
/* For what is no sum: a time. */
void tallies_set(struct tallies *c, const char *name, const char *account, const char *kind,
		 int64_t value);
/* 0 where nothing was counted. `account` NULL: the sum of all. */
int64_t tallies_get(const struct tallies *c, const char *name, const char *account,
		    const char *kind);
void tallies_release(struct tallies *c);

#endif
