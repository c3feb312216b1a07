#include "engine/names.h"

#include "base/clock.h"
#include "engine/registry.h"

/* Somebody looks at the terminal: longer is a failure. */
static const struct patience patience = { .tries = 5, .wait_ms = 2 * MS_MINUTE };

struct names_round {
	const struct world *world;
	const struct table *table;
	struct lock lock;
	size_t account;		 /* index in table->account */
	struct reading *reading; /* of this one; NULL: not begun */
	struct bearer *bearer;
};

struct names_round *names_round_new(const struct world *world, const struct table *table)
{
	struct names_round *r = mem_alloc(sizeof(*r));

	r->world = world;
	r->table = table;
	lock_init(&r->lock);
	r->bearer = bearer_new(world);
	return r;
}

static void end_reading(struct names_round *r)
{
	reading_free(r->reading);
	r->reading = NULL;
}

void names_round_free(struct names_round *r)
{
	if (!r)
		return;
	end_reading(r);
	lock_release(&r->lock);
	bearer_free(r->bearer);
	mem_free(r);
}

static enum rc begin_reading(struct names_round *r, struct err *err)
{
	const struct account *account = &r->table->account[r->account];
	const struct names_ops *ops = registry_names(account->type);
	enum rc rc = bearer_load(r->bearer, account, err);

	if (rc == RC_OK && !bearer_there(r->bearer))
		rc = err_set(err, RC_REFUSED, "account '%s': %s", account->name,
			     bearer_problem(r->bearer));
	if (rc != RC_OK)
		return rc;
	(void)lock_add_account(&r->lock, account->name, account->type);
	r->reading = reading_new(r->world, account, &ops->reads,
				 ops->open(account, r->bearer, &r->lock), &patience);
	reading_carry(r->reading, r->bearer);
	return RC_OK;
}

enum rc names_round_step(struct names_round *r, bool *done, struct err *err)
{
	enum rc rc = RC_OK;
	bool read = true;

	for (*done = false; rc == RC_OK && read && r->account < r->table->n_account;) {
		if (!r->reading) {
			rc = begin_reading(r, err);
			continue;
		}
		rc = reading_step(r->reading, &read, err);
		if (rc != RC_OK) {
			err_prefix(err, "account '%s'", r->table->account[r->account].name);
		} else if (read) {
			end_reading(r);
			r->account++;
		}
	}
	if (rc == RC_OK && r->account == r->table->n_account) {
		lock_finish(&r->lock);
		*done = true;
	}
	return rc;
}

int64_t names_round_wake_ms(const struct names_round *r)
{
	return r->reading ? reading_wake_ms(r->reading) : 0;
}

const struct lock *names_round_lock(const struct names_round *r)
{
	return &r->lock;
}
