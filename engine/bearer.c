#include "engine/bearer.h"

#include "base/arena.h"
#include "engine/token.h"

struct bearer {
	const struct world *world;
	const struct account *account; /* lent by the table in use */
	struct str token;	       /* empty: there is none */
	unsigned serial;
};

struct bearer *bearer_new(const struct world *world)
{
	struct bearer *b = mem_alloc(sizeof(*b));

	b->world = world;
	str_init(&b->token, LIMIT_SECRET_BYTES);
	return b;
}

void bearer_free(struct bearer *b)
{
	if (!b)
		return;
	str_wipe(&b->token);
	mem_free(b);
}

enum rc bearer_load(struct bearer *b, const struct account *account, struct err *err)
{
	struct str was = b->token;

	b->account = account;
	str_init(&b->token, LIMIT_SECRET_BYTES);
	enum rc rc = token_read(b->world, account, &b->token, err);
	b->serial += !slice_eq(str_slice(&b->token), str_slice(&was));
	str_wipe(&was);
	return rc;
}

bool bearer_look(struct bearer *b)
{
	bool changed = token_changed(b->world, b->account, &b->token);

	b->serial += changed;
	return changed;
}

bool bearer_there(const struct bearer *b)
{
	return b->token.len > 0;
}

struct slice bearer_token(const struct bearer *b)
{
	return str_slice(&b->token);
}

unsigned bearer_serial(const struct bearer *b)
{
	return b->serial;
}
