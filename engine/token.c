#include "engine/token.h"

enum rc token_read(const struct world *world, const struct account *account, struct str *out,
		   struct err *err)
{
	const struct setting *token = account_setting(account, "token");

	str_wipe(out);
	if (!token || token->n_secret == 0)
		return err_set(err, RC_REFUSED,
			       "account '%s': OAuth is not there yet: give it a token",
			       account->name);
	enum rc rc = world->secret(world->ctx, &token->secret[0], out, err);
	if (rc == RC_OK)
		return rc;
	str_wipe(out);
	err_prefix(err, "account '%s'", account->name);
	return RC_REFUSED;
}

bool token_changed(const struct world *world, const struct account *account, struct str *token)
{
	struct err ignored;
	struct str now;

	str_init(&now, LIMIT_SECRET_BYTES);
	bool changed = token_read(world, account, &now, &ignored) == RC_OK &&
		       !slice_eq(str_slice(&now), str_slice(token));
	if (changed) {
		str_wipe(token);
		str_add_slice(token, str_slice(&now));
	}
	str_wipe(&now);
	return changed;
}
