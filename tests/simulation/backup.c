/*
 * backup - the state is copied, and an older copy is put back: what Certifier did meanwhile, the
 * ledger knows nothing of, until a person runs a reconcile.
 *
 * Of a state in memory only. The mark beside it stays where it is, as on the machine that it was
 * copied on; or it is lost, as on another one, where the copy misses no mail of what it knows to be issued, or
 * perhaps issued, and has a sign of life of each account. A life that was restored is judged as any other, but
 * that a credential may be an orphan, that what the reconcile finds may be parked or held for a person, and that
 * drafts made meanwhile may be left over. Nobody is mailed twice all the same.
 */
#include <string.h>

#include "engine/reconcile.h"
#include "tests/simulation/simulation.h"

#define TRIES 20
#define AGAIN_MS (5 * MS_MINUTE)
#define SHOWN_MS (2 * MS_MINUTE) /* what was made last is shown by then */

bool backup_take(struct life *l, const struct step *s)
{
	struct err err;

	(void)s;
	db_close(l->backup);
	l->backup = NULL;
	if (!l->sim.world.db || l->sc->ground)
		return true;
	return db_copy(l->sim.world.db, &l->backup, &err) == RC_OK ||
	       trouble(l, "copy: %s", err.text);
}

static int64_t count_drafts(const struct life *l)
{
	int64_t n = 0;

	for (size_t i = 0; i < sandbox_credential_count(l->sandbox); i++)
		n += strcmp(sandbox_credential_at(l->sandbox, i).status, "draft") == 0;
	return n;
}

/* The copy has a sign of life of the account: there is something that tells its age. */
static bool was_reached(struct db *copy, const char *account)
{
	return db_exists(copy, "SELECT 1 FROM action WHERE account = ?1", "t", account);
}

/* What nobody can promise without the mark: docs/RELIABILITY.md. */
static bool needs_mark(const struct life *l, struct db *copy)
{
	return !was_reached(copy, "certifier") ||
	       (l->sc->rules[0].spare && !was_reached(copy, "spare")) ||
	       db_exists(
		       copy,
		       "SELECT 1 FROM issuance i WHERE state IN ('issuing', 'sending')"
		       " OR (state = 'issued' AND do_send = 1) OR (state IN ('held', 'refused')"
		       " AND held_from IN ('issuing', 'issued')) OR (credential IS NOT NULL AND state IN"
		       " ('draft', 'held', 'refused') AND EXISTS (SELECT 1 FROM trail t"
		       " WHERE t.issuance = i.id AND t.note LIKE 'read back: %'))",
		       "");
}

bool backup_put_back(struct life *l, const struct step *s)
{
	struct db *newer = l->sim.world.db;
	bool up = l->engine != NULL;
	struct err err;

	if (!l->backup)
		return true;
	bool lost = s->other && !needs_mark(l, l->backup);
	life_end_program(l);
	if (lost)
		l->sim.now_ms += SHOWN_MS;
	if (db_copy(l->backup, &l->sim.world.db, &err) != RC_OK) {
		l->sim.world.db = newer;
		return trouble(l, "copy: %s", err.text);
	}
	db_note_mark(l->sim.world.db, lost ? 0 : db_mark(newer));
	db_close(newer);
	db_hook(l->sim.world.db, life_at_commit, l);
	sends_forget(l->sends);
	seen_forget(l);
	l->tally.acts = db_integer(l->sim.world.db, 0,
				   "SELECT count(*) FROM trail WHERE who = 'ana'", "");
	l->tally.restores++;
	l->restored = l->was_restored = true;
	l->forgotten_drafts += count_drafts(l);
	return !up || life_start_program(l);
}

static enum rc reconcile_once(struct life *l, struct err *err)
{
	struct reconcile *r = reconcile_new(&l->sim.world, l->table, NULL);
	enum rc rc = sim_reconcile(&l->sim, r, err);

	reconcile_free(r);
	sim_abandon(&l->sim);
	wire_forget(l->wire);
	return rc;
}

bool backup_reconcile(struct life *l)
{
	struct err err;
	enum rc rc = RC_REFUSED;

	if (!l->restored)
		return true;
	life_end_program(l);
	l->sim.now_ms += SHOWN_MS;
	for (int i = 0; rc == RC_REFUSED && i < TRIES; i++) {
		rc = reconcile_once(l, &err);
		l->sim.now_ms += AGAIN_MS;
	}
	if (rc != RC_OK)
		return trouble(l, "reconcile: %s", err.text);
	l->restored = false;
	return life_start_program(l);
}
