#include "engine/cli/unfit.h"

#include <string.h>

#include "base/clock.h"
#include "engine/store/db.h"

/*
 * So much must be free before the state is opened anew: more than a busy minute writes, or it would
 * be given up at once again.
 */
#define ROOM_BYTES (INT64_C(1) << 20)
#define AGAIN_MOST_MS (30 * MS_SECOND)
#define SOON_MS MS_MINUTE

static int64_t mono_ms(const struct ground *g)
{
	return g->world.mono_ms(g->world.ctx);
}

/* 1 s, doubling to half a minute: to ask costs little, and whoever sends waits for us. */
static int64_t wait_ms(int64_t failures)
{
	int64_t ms = failures > 5 ? AGAIN_MOST_MS : MS_SECOND << (failures - 1);

	return ms < AGAIN_MOST_MS ? ms : AGAIN_MOST_MS;
}

/* Every reason once, not at every attempt. */
static void tell(struct unfit *u, const struct ground *g)
{
	if (strcmp(u->told.text, u->why.text) == 0)
		return;
	u->told = u->why;
	log_line(&g->log, LOG_ERROR,
		 "unfit: the state cannot be written; nothing that was stored is lost, nothing is "
		 "issued, and webhooks get a 503 until it can",
		 "reason", u->why.text, NULL);
}

static void fail(struct unfit *u, struct ground *g, struct engine *e, const struct err *why)
{
	u->why = *why;
	u->failures++;
	u->again_ms = mono_ms(g) + wait_ms(u->failures);
	engine_abandon(e, &u->why);
	tell(u, g);
}

void unfit_begin(struct unfit *u, struct ground *g, struct engine *e, struct table *table,
		 const struct err *why)
{
	int64_t now = mono_ms(g);

	if (table) {
		table_unref(u->table);
		u->table = table_ref(table);
	}
	if (u->is)
		return;
	if (now - u->fit_ms > SOON_MS)
		u->failures = 0;
	u->is = true;
	u->since_ms = now;
	u->told = (struct err){ 0 };
	fail(u, g, e, why);
}

static enum rc open_anew(struct ground *g, struct engine *e, struct table *table, struct err *err)
{
	const char *url = cli_value_or(g->cli, "state", "HS2CERT_STATE", "hs2cert.db");
	enum rc rc = db_room(url, ROOM_BYTES, err);

	if (rc != RC_OK)
		return rc;
	db_close(g->world.db);
	rc = db_open(url, DB_OWN, &g->world.db, err);
	if (rc != RC_OK)
		return rc;
	/* What a reload is refused for, it is refused for now. */
	if (table)
		rc = ground_secrets(g, table, err);
	if (rc == RC_REFUSED) {
		log_line(&g->log, LOG_ERROR, "reload refused: the rules in force stay", "reason",
			 err->text, NULL);
		table = NULL;
		rc = RC_OK;
	}
	return rc == RC_OK ? engine_revive(e, table, err) : rc;
}

bool unfit_try(struct unfit *u, struct ground *g, struct engine *e)
{
	char span[CLOCK_TEXT];
	struct err err;

	if (!u->is || mono_ms(g) < u->again_ms)
		return false;
	if (open_anew(g, e, u->table, &err) != RC_OK) {
		fail(u, g, e, &err);
		return false;
	}
	u->is = false;
	u->fit_ms = mono_ms(g);
	table_unref(u->table);
	u->table = NULL;
	log_line(&g->log, LOG_WARN, "fit again: the state can be written", "after",
		 clock_format_duration(u->fit_ms - u->since_ms, span), NULL);
	return true;
}

void unfit_hurry(struct unfit *u)
{
	u->again_ms = 0;
}

int64_t unfit_wake_ms(const struct unfit *u)
{
	return u->is ? u->again_ms : INT64_MAX;
}

void unfit_release(struct unfit *u)
{
	table_unref(u->table);
	*u = (struct unfit){ 0 };
}
