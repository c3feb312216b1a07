#include "engine/cli/names.h"

static enum rc run_to_its_end(struct ground *g, struct names_round *r, struct err *err)
{
	bool done = false;
	enum rc rc = RC_OK;

	while (rc == RC_OK && !done) {
		rc = names_round_step(r, &done, err);
		if (rc == RC_OK && !done)
			rc = ground_turn(g, names_round_wake_ms(r), err);
	}
	return rc;
}

int names_fetch(struct ground *g, const struct table *table, struct names_round **out)
{
	struct names_round *r;
	struct err err;
	enum rc rc = ground_secrets(g, table, &err);

	if (rc != RC_OK)
		return cli_fail(g->cli, "%s", err.text);
	r = names_round_new(&g->world, table);
	rc = run_to_its_end(g, r, &err);
	if (rc == RC_OK) {
		*out = r;
		return EXIT_FINE;
	}
	names_round_free(r);
	return cli_fail(g->cli, "%s", err.text);
}
