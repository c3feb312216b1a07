#include "engine/oauth.h"

#include "base/limits.h"

void oauth_reply_init(struct oauth_reply *r)
{
	*r = (struct oauth_reply){ .result = OAUTH_AGAIN };
	str_init(&r->reason, LIMIT_ERROR_BYTES);
	str_init(&r->access, LIMIT_SECRET_BYTES);
	str_init(&r->refresh, LIMIT_SECRET_BYTES);
	str_init(&r->tenant, LIMIT_ID_BYTES);
	str_init(&r->tenant_name, LIMIT_ERROR_BYTES);
	str_init(&r->scopes, LIMIT_SCOPES_BYTES);
}

void oauth_reply_wipe(struct oauth_reply *r)
{
	str_release(&r->reason);
	str_wipe(&r->access);
	str_wipe(&r->refresh);
	str_release(&r->tenant);
	str_release(&r->tenant_name);
	str_release(&r->scopes);
}

bool oauth_has_scope(struct slice scopes, const char *scope)
{
	struct slice one;
	bool more = true;

	while (more) {
		more = slice_cut(&scopes, ' ', &one);
		if (slice_is(one, scope))
			return true;
	}
	return false;
}
