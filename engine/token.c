#include "engine/token.h"

enum rc token_secret(const struct world *world, const struct account *account, const char *key,
		     struct str *out, struct err *err)
{
	const struct setting *setting = account_setting(account, key);

	str_wipe(out);
	enum rc rc = world->secret(world->ctx, &setting->secret[0], out, err);
	if (rc == RC_OK)
		return rc;
	str_wipe(out);
	err_prefix(err, "account '%s'", account->name);
	return RC_REFUSED;
}

enum rc token_read(const struct world *world, const struct account *account, struct str *out,
		   struct err *err)
{
	return token_secret(world, account, "token", out, err);
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
