#include "engine/lane.h"

#include <stdio.h>

#include "engine/backoff.h"
#include "engine/registry.h"
#include "engine/restored.h"
#include "engine/sweep.h"
#include "engine/token.h"

struct service *service_ref(struct service *s)
{
	s->refs++;
	return s;
}

void service_unref(struct service *s)
{
	if (!s || --s->refs)
		return;
	s->ops->close(s->action);
	table_unref(s->table);
	mem_free(s);
}

struct lane *lane_new(struct outbox *outbox, const struct world *world, const char *name)
{
	struct lane *lane = mem_alloc(sizeof(*lane));

	lane->outbox = outbox;
	lane->world = world;
	lane->name = mem_strdup(name);
	str_init(&lane->token, LIMIT_SECRET_BYTES);
	lane->sweep = sweep_new(lane);
	lane->restored = restored_new(lane);
	lane->date_ms = HTTP_ABSENT;
	return lane;
}

void lane_free(struct lane *lane)
{
	sweep_free(lane->sweep);
	restored_free(lane->restored);
	service_unref(lane->service);
	str_wipe(&lane->token);
	mem_free(lane->name);
	mem_free(lane);
}

void lane_stop(struct lane *lane, const char *why)
{
	lane->stopped = true;
	log_line(lane->world->log, LOG_ERROR,
		 "account stopped until a reload, a restart or a new secret", "account", lane->name,
		 "reason", why, NULL);
}

/* Opens the service with the token in lane->token. */
static void open_service(struct lane *lane)
{
	const struct action_ops *ops = registry_action(lane->account->type);

	restored_unload(lane->restored);
	service_unref(lane->service);
	lane->service = mem_alloc(sizeof(*lane->service));
	*lane->service = (struct service){ ops->open(lane->account, str_slice(&lane->token)), ops,
					   table_ref(lane->table), 1 };
	lane->stopped = false;
	lane->probed = lane->probing = false;
}

void lane_load(struct lane *lane, struct table *table, uint32_t index)
{
	struct err err;

	lane->table = table;
	lane->account = &table->account[index];
	lane->account_index = index;
	lane->per_second = account_setting(lane->account, "rate")->per_second;
	if (token_read(lane->world, lane->account, &lane->token, &err) == RC_OK)
		open_service(lane);
	else
		lane_stop(lane, err.text);
}

void lane_unload(struct lane *lane)
{
	restored_unload(lane->restored);
	service_unref(lane->service);
	lane->service = NULL;
	lane->account = NULL;
	lane->table = NULL;
}

void lane_look_at_secret(struct lane *lane)
{
	if (!lane->stopped || !lane->account ||
	    !token_changed(lane->world, lane->account, &lane->token))
		return;
	log_line(lane->world->log, LOG_INFO, "account goes on with a new secret", "account",
		 lane->name, NULL);
	open_service(lane);
}

void lane_judge(struct lane *lane, const struct verdict *v)
{
	if (v->scope == SCOPE_ACCOUNT_STOP && !lane->stopped) {
		lane_stop(lane, v->reason);
	} else if (v->scope == SCOPE_ACCOUNT_WAIT) {
		int64_t back = backoff_ms(++lane->failures, lane->world->random(lane->world->ctx));
		int64_t now = lane->world->mono_ms(lane->world->ctx);
		lane->wait_until_ms = now + (v->wait_ms ? v->wait_ms : back);
	} else {
		lane->failures = 0;
	}
}

bool lane_is_free(const struct lane *lane)
{
	int64_t now = lane->world->mono_ms(lane->world->ctx);

	return lane->service && !lane->stopped && now >= lane->wait_until_ms &&
	       now >= lane->next_request_ms;
}

void lane_note_end(struct lane *lane, const struct http_response *response)
{
	calls_note(&lane->calls, response);
	if (response->outcome != HTTP_ANSWER || response->date_ms == HTTP_ABSENT)
		return;
	lane->date_ms = response->date_ms;
	lane->date_mono_ms = lane->world->mono_ms(lane->world->ctx);
}

bool lane_knows_service_ms(const struct lane *lane)
{
	return lane->date_ms != HTTP_ABSENT;
}

int64_t lane_service_ms(const struct lane *lane)
{
	if (!lane_knows_service_ms(lane))
		return lane->world->wall_ms(lane->world->ctx);
	return lane->date_ms + lane->world->mono_ms(lane->world->ctx) - lane->date_mono_ms;
}

void lane_spend(struct lane *lane)
{
	int64_t now = lane->world->mono_ms(lane->world->ctx);
	int64_t gap = (int64_t)(1000.0 / lane->per_second) + 1;

	lane->next_request_ms = (lane->next_request_ms > now ? lane->next_request_ms : now) + gap;
}

void lane_note_change(const struct lane *lane, const struct issuance *before,
		      const struct issuance *after)
{
	/* What an issue that was lost did is found while it is issuing. */
	bool was = before->state == STATE_DRAFT || before->state == STATE_ISSUING;
	bool is = after->state == STATE_ISSUED;

	if (lane->world->counts && was && is)
		delays_note(&lane->world->counts->to_credential,
			    lane_service_ms(lane) - after->at_ms);
}

void lane_tell_verdict(const struct lane *lane, const struct issuance *before,
		       const struct issuance *after, const struct verdict *v)
{
	static const enum log_level levels[STATE_COUNT] = {
		[STATE_PLANNED] = LOG_WARN,	  [STATE_CREATING] = LOG_WARN,
		[STATE_DRAFT] = LOG_DEBUG,	  [STATE_ISSUING] = LOG_WARN,
		[STATE_ISSUED] = LOG_INFO,	  [STATE_SENT] = LOG_INFO,
		[STATE_HELD] = LOG_ERROR,	  [STATE_REFUSED] = LOG_ERROR,
		[STATE_SEND_UNKNOWN] = LOG_ERROR,
	};
	char id[24];

	lane_note_change(lane, before, after);
	snprintf(id, sizeof(id), "%lld", (long long)after->id);
	log_line(lane->world->log, v->again ? LOG_WARN : levels[after->state],
		 issuance_state_names[after->state], "issuance", id, "rule", after->rule, "contact",
		 after->contact, "event", event_kind_names[after->event], "account", lane->name,
		 "credential", after->credential, "reason", v->reason, NULL);
}

static void say_problem(void *ctx, const char *text)
{
	const struct lane *lane = ctx;

	log_line(lane->world->log, LOG_ERROR, text, "account", lane->name, NULL);
}

void lane_report_probe(struct lane *lane)
{
	const struct table *t = lane->table;

	for (size_t i = 0; i < t->n_rule; i++)
		if (t->rule[i].action == lane->account_index && t->rule[i].mode != MODE_OFF)
			lane->service->ops->probe_report(lane->service->action, &t->rule[i],
							 say_problem, lane);
}

void lane_report(const struct lane *lane, struct account_report *out)
{
	int64_t now = lane->world->mono_ms(lane->world->ctx);

	out->reason = restored_refusal(lane->restored);
	out->health = restored_is_known(lane->restored) ? ACCOUNT_RESTORED
		      : !lane->service || lane->stopped ? ACCOUNT_STOPPED
		      : out->reason			? ACCOUNT_UNSURE
		      : lane->failures			? ACCOUNT_WAITING
							: ACCOUNT_FINE;
	out->failures = lane->failures;
	out->waits_ms = lane->wait_until_ms > now ? lane->wait_until_ms - now : 0;
	out->calls = lane->calls;
	/* One token at a time, so there is one or none. */
	out->budget[0] = (struct budget_report){ "requests", now >= lane->next_request_ms, 1,
						 (int64_t)(1000.0 / lane->per_second) + 1 };
	out->budgets = 1;
}
