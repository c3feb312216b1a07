#include "engine/grant.h"

#include "engine/store/db.h"

void grant_init(struct grant *g)
{
	*g = (struct grant){ 0 };
	str_init(&g->client_id, LIMIT_VALUE_BYTES);
	str_init(&g->refresh, LIMIT_SECRET_BYTES);
	str_init(&g->access, LIMIT_SECRET_BYTES);
	str_init(&g->tenant, LIMIT_ID_BYTES);
	str_init(&g->tenant_name, LIMIT_ERROR_BYTES);
	str_init(&g->scopes, LIMIT_SCOPES_BYTES);
	str_init(&g->refused, LIMIT_ERROR_BYTES);
	str_init(&g->made_by, LIMIT_ERROR_BYTES);
}

void grant_wipe(struct grant *g)
{
	str_release(&g->client_id);
	str_wipe(&g->refresh);
	str_wipe(&g->access);
	str_release(&g->tenant);
	str_release(&g->tenant_name);
	str_release(&g->scopes);
	str_release(&g->refused);
	str_release(&g->made_by);
}

struct db *grant_db(const struct world *world)
{
	return world->grants ? world->grants : world->db;
}

/* ---- rows ------------------------------------------------------------------ */

enum rc grant_read(struct db *db, const char *account, struct grant *out, struct err *err)
{
	struct str *const texts[] = {
		&out->client_id,   &out->refresh, &out->access,	 &out->tenant,
		&out->tenant_name, &out->scopes,  &out->refused, &out->made_by
	};

	struct query *q = db_select(
		db,
		"SELECT client_id, refresh_token, access_token, tenant, tenant_name, scopes,"
		" coalesce(refused, ''), made_by, serial, expires_ms, made_ms FROM oauth_grant"
		" WHERE account = ?1",
		"t", account);

	out->serial = 0;
	if (query_next(q)) {
		for (int i = 0; i < 8; i++) {
			str_clear(texts[i]);
			str_add_slice(texts[i], query_slice(q, i));
		}
		out->serial = query_integer(q, 8);
		out->expires_ms = query_integer(q, 9);
		out->made_ms = query_integer(q, 10);
		query_end(q);
	}
	return db_failed(db, err);
}

enum rc grant_connect(struct db *db, const char *account, const struct grant *g, struct err *err)
{
	db_begin(db, "connect");
	db_run(db,
	       "INSERT INTO oauth_grant (account, serial, client_id, refresh_token, access_token,"
	       " expires_ms, tenant, tenant_name, scopes, made_ms, made_by)"
	       " VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
	       " ON CONFLICT (account) DO UPDATE SET serial = oauth_grant.serial + 1,"
	       " client_id = excluded.client_id, refresh_token = excluded.refresh_token,"
	       " access_token = excluded.access_token, expires_ms = excluded.expires_ms,"
	       " tenant = excluded.tenant, tenant_name = excluded.tenant_name,"
	       " scopes = excluded.scopes, made_ms = excluded.made_ms, made_by = excluded.made_by,"
	       " lease_ms = 0, lease_by = '', refused = NULL",
	       "tsssisssis", account, str_slice(&g->client_id), str_slice(&g->refresh),
	       str_slice(&g->access), g->expires_ms, str_slice(&g->tenant),
	       str_slice(&g->tenant_name), str_slice(&g->scopes), g->made_ms,
	       str_slice(&g->made_by));
	return db_commit(db, err);
}

/* A lease that ends later than any can was made by a clock that has been set since. */
enum rc grant_lease(struct db *db, const char *account, const char *holder, int64_t now_ms,
		    bool *mine, struct err *err)
{
	db_begin(db, "lease");
	db_run(db,
	       "UPDATE oauth_grant SET lease_ms = ?3, lease_by = ?2 WHERE account = ?1"
	       " AND (lease_ms <= ?4 OR lease_ms > ?3 OR lease_by = ?2)",
	       "ttii", account, holder, now_ms + GRANT_LEASE_MS, now_ms);
	*mine = db_changed(db) > 0;
	return db_commit(db, err);
}

enum rc grant_renew(struct db *db, const char *account, int64_t serial,
		    const struct oauth_reply *tokens, int64_t expires_ms, bool *taken,
		    struct err *err)
{
	db_begin(db, "renew");
	db_run(db,
	       "UPDATE oauth_grant SET access_token = ?3, expires_ms = ?4, lease_ms = 0,"
	       " lease_by = '', refused = NULL,"
	       " refresh_token = CASE ?5 WHEN '' THEN refresh_token ELSE ?5 END"
	       " WHERE account = ?1 AND serial = ?2",
	       "tisis", account, serial, str_slice(&tokens->access), expires_ms,
	       str_slice(&tokens->refresh));
	*taken = db_changed(db) > 0;
	return db_commit(db, err);
}

enum rc grant_refuse(struct db *db, const char *account, struct slice refresh, struct slice reason,
		     bool *noted, struct err *err)
{
	db_begin(db, "refuse");
	db_run(db,
	       "UPDATE oauth_grant SET refused = ?3, lease_ms = 0, lease_by = ''"
	       " WHERE account = ?1 AND refresh_token = ?2",
	       "tss", account, refresh, reason);
	*noted = db_changed(db) > 0;
	return db_commit(db, err);
}
