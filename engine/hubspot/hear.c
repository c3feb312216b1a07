/*
 * hear - HubSpot's webhooks as one account takes them: its keys, its portal, and what a request
 * that cannot be taken is answered.
 *
 * HubSpot sends nothing again that was refused with 4xx (facts/reliability.md, finding 5). So 401 is
 * for what is certainly not genuine, 503 for everything that we cannot judge: a secret that is not
 * there, a signed time that does not fit while nobody has told us yet what time it is.
 */
#include <string.h>

#include "base/clock.h"
#include "engine/hubspot/hub.h"
#include "engine/hubspot/webhook.h"

#define REREAD_MS (10 * MS_SECOND) /* at most so often a changed secret is looked for */
#define LOOK "/look"

/* ---- secrets --------------------------------------------------------------- */

static void read_secrets(struct source *s, bool aloud)
{
	const struct setting *setting = account_setting(s->config, "webhook.secret");
	struct err err;

	s->hook.deaf = false;
	for (size_t i = 0; i < 2; i++) {
		struct str *secret = &s->hook.secret[i];
		str_wipe(secret);
		if (!setting || i >= setting->n_secret ||
		    s->world->secret(s->world->ctx, &setting->secret[i], secret, &err) == RC_OK)
			continue;
		str_wipe(secret);
		s->hook.deaf = true;
		if (aloud)
			log_line(s->world->log, LOG_ERROR,
				 "webhooks cannot all be verified: a secret is missing", "account",
				 s->name, "reason", err.text, NULL);
	}
	s->hook.reread_ms = hub_mono_ms(s) + REREAD_MS;
}

void hook_init(struct source *s)
{
	for (size_t i = 0; i < 2; i++)
		str_init(&s->hook.secret[i], LIMIT_SECRET_BYTES);
}

void hook_load(struct source *s)
{
	s->hook.url = account_text(s->config, "webhook.public-url");
	if (s->hook.url)
		read_secrets(s, true);
	if (!s->hook.url)
		hook_release(s);
}

void hook_release(struct source *s)
{
	for (size_t i = 0; i < 2; i++)
		str_wipe(&s->hook.secret[i]);
}

/* ---- whether it is genuine ------------------------------------------------- */

static enum hook_version version_of(const struct source *s)
{
	const char *word = account_text(s->config, "webhook.signature");

	return strcmp(word, "v1") == 0 ? HOOK_V1 : strcmp(word, "v2") == 0 ? HOOK_V2 : HOOK_V3;
}

static bool is_look(const struct source *s, const struct message *m)
{
	return hook_path_is(m->path, hook_path(s->hook.url), LOOK);
}

static enum hook_verdict verify(const struct source *s, const struct message *m, bool look,
				struct arena *memory)
{
	struct hook_key key = { version_of(s),
				s->hook.url,
				{ str_slice(&s->hook.secret[0]), str_slice(&s->hook.secret[1]) } };
	const char *given;
	size_t len = strcspn(key.url, "?");

	if (!look)
		return hook_verify(&key, m, hub_now_ms(s));
	if (m->header(m->ctx, HOOK_SECRET_HEADER, &given))
		return hook_verify_secret(&key, m);
	key.url = arena_printf(memory, "%.*s" LOOK, (int)(len - (key.url[len - 1] == '/')),
			       key.url);
	return hook_verify(&key, m, hub_now_ms(s));
}

static void refuse(struct heard *out, int status, const char *reason, const char *say)
{
	*out = (struct heard){ .status = status, .reason = reason, .say = say };
}

/* False: `out` says why it is not taken. */
static bool accept(const struct source *s, enum hook_verdict verdict, struct heard *out)
{
	switch (verdict) {
	case HOOK_GENUINE:
		return true;
	case HOOK_UNSIGNED:
		refuse(out, 401, "unsigned", "no signature of the version that is expected here");
		return false;
	case HOOK_MALFORMED:
		refuse(out, 401, "malformed", "a header of the signature cannot be read");
		return false;
	case HOOK_FORGED:
		if (s->hook.deaf)
			refuse(out, 503, "no-secret", NULL);
		else
			refuse(out, 401, "forged", "the signature does not fit");
		return false;
	case HOOK_LATE:
	case HOOK_EARLY:
		break;
	}
	if (!s->skew.known)
		refuse(out, 503, "clock", NULL);
	else
		refuse(out, 401, verdict == HOOK_LATE ? "late" : "early",
		       "the time of the signature is too far from now");
	return false;
}

/* ---- what it tells --------------------------------------------------------- */

static bool is_read(void *ctx, struct slice name)
{
	struct source *s = ctx;
	bool read = false;

	for (size_t i = 0; i < s->table->n_property && !read; i++)
		read = s->table->property[i].source == s->account &&
		       slice_is(name, s->table->property[i].name);
	if (read)
		push_heard(s, name);
	return read;
}

bool hubspot_listens(const struct source *s, const char *path)
{
	if (!s->table || !s->hook.url)
		return false;
	struct slice ours = hook_path(s->hook.url);
	return hook_path_is(path, ours, "") || hook_path_is(path, ours, LOOK);
}

void hubspot_hear(struct source *s, const struct message *m, struct arena *memory,
		  struct heard *out)
{
	bool look = is_look(s, m);
	struct hook_view view = { s->hook.portal, hub_now_ms(s), is_read, s };

	if (strcmp(m->method, "POST") != 0) {
		refuse(out, 405, "method", "only POST");
		return;
	}
	enum hook_verdict verdict = verify(s, m, look, memory);
	/* A secret may have been changed, or come, since. */
	if (verdict == HOOK_FORGED && hub_mono_ms(s) >= s->hook.reread_ms) {
		read_secrets(s, false);
		verdict = verify(s, m, look, memory);
	}
	if (!accept(s, verdict, out))
		return;
	if (look)
		hook_read_look(m->body, memory, out);
	else
		hook_read(m->body, &view, memory, out);
	if (look && out->status == 204 && s->lists > 0)
		hub_hasten(s);
}

/* ---- which portal it is ----------------------------------------------------- */

static void portal_arrived(struct source *s, void *arg, const struct reply *answer)
{
	(void)arg;
	s->hook.asking = false;
	if (answer)
		s->hook.portal = json_int(json_get(answer->json, "portalId"), 0);
}

int64_t hook_ask_ms(const struct source *s)
{
	if (!s->watches || !s->hook.url || s->hook.portal || s->hook.asking)
		return INT64_MAX;
	int64_t ready = call_ready_ms(s, BUDGET_GENERAL);
	return ready > s->hook.ask_ms ? ready : s->hook.ask_ms;
}

void hook_ask(struct source *s)
{
	struct arena memory;

	arena_init(&memory);
	struct call_spec spec = {
		.budget = BUDGET_GENERAL,
		.method = "GET",
		.url = hub_url(s, AREA_ACCOUNT, "/details", &memory),
		.member = "portalId",
		.number = true,
		.aside = true,
		.done = portal_arrived,
	};
	s->hook.asking = true;
	s->hook.ask_ms = hub_mono_ms(s) + MS_HOUR;
	call_start(s, &spec);
	arena_release(&memory);
}
