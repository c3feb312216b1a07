#include "engine/undeclared.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "engine/ledger.h"

#define OF_ACCOUNT                                                                                 \
	" FROM issuance WHERE action_account = ?1 AND state = 'held' AND hold = 'account' AND replan = 0"

void undeclared_release(struct db *db, const char *account, int64_t now_ms)
{
	db_run(db,
	       "INSERT INTO trail (issuance, at_ms, state, note)"
	       " SELECT id, ?2, held_from, 'its account is declared again'" OF_ACCOUNT,
	       "ti", account, now_ms);
	db_run(db,
	       "UPDATE issuance SET state = held_from, held_from = NULL, hold = NULL, reason = NULL,"
	       " not_before_ms = 0, updated_ms = ?2 WHERE id IN (SELECT id" OF_ACCOUNT ")",
	       "ti", account, now_ms);
}

#define WORK LEDGER_WORK " AND state <> 'sending'"

/* What the query answers of the account after this one by name; NULL: there is none. */
static const char *next_account(struct db *db, const char *sql, const char *after,
				struct arena *memory)
{
	struct query *q = db_select(db, sql, "t", after);
	const char *account = NULL;

	if (!query_next(q))
		return NULL;
	if (!query_null(q, 0))
		account = arena_text(memory, query_slice(q, 0));
	query_end(q);
	return account;
}

/* Of one account. */
typedef enum rc undeclared_visit(const struct world *world, const char *account, struct err *err);

/* Each account that the query finds, by name; NULL: what is of such an account stays as it is. */
static enum rc visit_accounts(const struct world *world, const char *sql, undeclared_served *served,
			      void *ctx, undeclared_visit *declared, undeclared_visit *undeclared,
			      struct err *err)
{
	struct arena memory;
	enum rc rc = RC_OK;

	arena_init(&memory);
	for (const char *account = ""; rc == RC_OK;) {
		account = next_account(world->db, sql, account, &memory);
		if (!account)
			break;
		undeclared_visit *visit = served(ctx, account) ? declared : undeclared;
		if (visit)
			rc = visit(world, account, err);
	}
	arena_release(&memory);
	return rc;
}

static const char next_action[] =
	"SELECT min(action_account) FROM issuance WHERE action_account > ?1 AND " WORK;

#define NOT_DECLARED "'account: ''' || action_account || ''' is not declared any more"
#define WHY                                                                                        \
	"CASE state WHEN 'planned' THEN " NOT_DECLARED ": declare it again, or retry'"             \
	" ELSE " NOT_DECLARED ", and what was made is there: declare it again' END"

static int64_t hold_all(struct db *db, const char *account, int64_t now_ms)
{
	db_run(db,
	       "INSERT INTO trail (issuance, at_ms, state, note) SELECT id, ?2, 'held', " WHY
	       " FROM issuance WHERE action_account = ?1 AND " WORK,
	       "ti", account, now_ms);
	db_run(db,
	       "UPDATE issuance SET held_from = state, state = 'held', hold = 'account', reason = " WHY
	       ", updated_ms = ?2 WHERE action_account = ?1 AND " WORK,
	       "ti", account, now_ms);
	return db_changed(db);
}

static enum rc hold_account(const struct world *world, const char *account, struct err *err)
{
	char n[24];

	db_begin(world->db, "undeclared");
	snprintf(n, sizeof(n), "%lld",
		 (long long)hold_all(world->db, account, world->wall_ms(world->ctx)));
	enum rc rc = db_commit(world->db, err);
	if (rc == RC_OK)
		log_line(world->log, LOG_ERROR,
			 "held: the account that they were planned for is not declared any more",
			 "account", account, "issuances", n, NULL);
	return rc;
}

enum rc undeclared_hold(const struct world *world, undeclared_served *served, void *ctx,
			struct err *err)
{
	return visit_accounts(world, next_action, served, ctx, NULL, hold_account, err);
}

/* ---- what waits for a look ---------------------------------------------------- */

#define UNSEEN "nobody looks at its contact: "
#define UNSEEN_WHY                                                                                 \
	"'" UNSEEN                                                                                 \
	"account ''' || source_account || ''' is not declared any more, declare it again'"
#define IS_TOLD "instr(coalesce(reason, ''), " UNSEEN_WHY ") > 0"

/* The + leads to the index of what is parked: all that an account ever issued is far more. */
#define WAITS                                                                                      \
	" FROM issuance WHERE +source_account = ?1 AND " LEDGER_PARKED                             \
	" AND (replan <> 0 OR (state = 'held' AND hold = 'missing-email'))"
#define OF_WAITING " WHERE id IN (SELECT id" WAITS ")"

static enum rc tell_account(const struct world *world, const char *account, struct err *err)
{
	char n[24];

	if (!db_exists(world->db, "SELECT 1" WAITS " AND NOT " IS_TOLD, "t", account))
		return db_failed(world->db, err);
	db_begin(world->db, "undeclared");
	db_run(world->db,
	       "UPDATE issuance SET reason = CASE coalesce(reason, '') WHEN '' THEN '' ELSE reason || '; ' END"
	       " || " UNSEEN_WHY OF_WAITING " AND NOT " IS_TOLD,
	       "t", account);
	snprintf(n, sizeof(n), "%lld", (long long)db_changed(world->db));
	enum rc rc = db_commit(world->db, err);
	if (rc == RC_OK)
		log_line(world->log, LOG_ERROR,
			 "waiting: the account of their contacts is not declared any more",
			 "account", account, "issuances", n, NULL);
	return rc;
}

/* What a person asked for is among the news still; what waits for an address is asked for by whoever watches it. */
static enum rc untell_account(const struct world *world, const char *account, struct err *err)
{
	if (!db_exists(world->db, "SELECT 1" WAITS " AND " IS_TOLD, "t", account))
		return db_failed(world->db, err);
	db_begin(world->db, "declared");
	db_run(world->db,
	       "UPDATE issuance SET reason = nullif(replace(replace(reason, '; ' || " UNSEEN_WHY
	       ", ''), " UNSEEN_WHY ", ''), '')" OF_WAITING " AND " IS_TOLD,
	       "t", account);
	return db_commit(world->db, err);
}

static const char next_source[] =
	"SELECT min(source_account) FROM issuance WHERE source_account > ?1";

enum rc undeclared_tell(const struct world *world, undeclared_served *served, void *ctx,
			struct err *err)
{
	enum rc rc = visit_accounts(world, next_source, served, ctx, untell_account, tell_account,
				    err);

	return rc == RC_OK ? db_failed(world->db, err) : rc;
}

const char *undeclared_told(const struct issuance *is)
{
	return is->reason ? strstr(is->reason, UNSEEN) : NULL;
}
