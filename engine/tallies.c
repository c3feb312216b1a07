#include "engine/tallies.h"

#include <string.h>

#include "base/arena.h"

static struct tallied *find(struct tallies *c, const char *name, const char *account,
			    const char *kind)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->row[i].name, name) == 0 && strcmp(c->row[i].kind, kind) == 0 &&
		    strcmp(c->row[i].account, account) == 0)
			return &c->row[i];
	c->row = mem_grow(c->row, &c->cap, c->count + 1, sizeof(*c->row));
	c->row[c->count] = (struct tallied){ name, kind, mem_strdup(account), 0 };
	return &c->row[c->count++];
}

void tallies_add(struct tallies *c, const char *name, const char *account, const char *kind,
		 int64_t by)
{
	find(c, name, account, kind)->value += by;
}

void tallies_set(struct tallies *c, const char *name, const char *account, const char *kind,
		 int64_t value)
{
	find(c, name, account, kind)->value = value;
}

int64_t tallies_get(const struct tallies *c, const char *name, const char *account,
		    const char *kind)
{
	int64_t sum = 0;

	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->row[i].name, name) == 0 && strcmp(c->row[i].kind, kind) == 0 &&
		    (!account || strcmp(c->row[i].account, account) == 0))
			sum += c->row[i].value;
	return sum;
}

void tallies_release(struct tallies *c)
{
	for (size_t i = 0; i < c->count; i++)
		mem_free(c->row[i].account);
	mem_free(c->row);
	*c = (struct tallies){ 0 };
}
