/*
 * sandbox - the whole: its life, its faults, and which service a call goes to.
 *
 * A call passes in this order: counted, failed by an injected fault (before or
 * after its effect), served. What a service refuses by itself is its own file's
 * matter.
 */
#include "engine/sandbox/inside.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define ANSWER_MOST LIMIT_ANSWER_BYTES
#define CALLS_PER_DAY 250000

void sandbox_defaults(struct sandbox_options *o)
{
	*o = (struct sandbox_options){
		.seed = 1,
		.index_lag_ms = 10 * MS_SECOND,
		.calls_per_day = CALLS_PER_DAY,
		.issue_again_status = 412,
		.unknown_group_status = 404,
		.oauth_token_ms = 30 * MS_MINUTE,
		.oauth_hub_id = SANDBOX_PORTAL,
	};
}

struct sandbox *sandbox_new(const struct sandbox_options *o)
{
	struct sandbox *sb = mem_alloc(sizeof(*sb));

	arena_init(&sb->memory);
	sb->options = *o;
	if (!sb->options.issue_again_status)
		sb->options.issue_again_status = 412;
	if (!sb->options.unknown_group_status)
		sb->options.unknown_group_status = 404;
	if (!sb->options.calls_per_day)
		sb->options.calls_per_day = CALLS_PER_DAY;
	map_init(&sb->calls);
	map_init(&sb->access);
	portal_init(sb);
	desk_init(sb);
	return sb;
}

void sandbox_free(struct sandbox *sb)
{
	if (!sb)
		return;
	portal_release(sb);
	desk_release(sb);
	hooks_release(sb);
	for (size_t i = 0; i < sb->calls.count; i++)
		mem_free(sb->calls.entry[i].value);
	map_release(&sb->calls);
	map_release(&sb->access);
	mem_free(sb->fault);
	arena_release(&sb->memory);
	mem_free(sb);
}

struct sandbox_options *sandbox_options(struct sandbox *sb)
{
	return &sb->options;
}

/* splitmix64: the n-th number of a seed is always the same. */
uint64_t sandbox_random(struct sandbox *sb)
{
	uint64_t z = sb->options.seed + ++sb->drawn * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void sandbox_count(struct sandbox *sb, const char *call)
{
	size_t *n = map_get(&sb->calls, slice_of(call));

	if (!n) {
		n = mem_alloc(sizeof(*n));
		map_put(&sb->calls, slice_of(call), n);
	}
	++*n;
}

size_t sandbox_calls(const struct sandbox *sb, const char *call)
{
	const size_t *n = map_get(&sb->calls, slice_of(call));

	return n ? *n : 0;
}

/* ---- faults ------------------------------------------------------------- */

static const char *const faulty[] = {
	"hubspot",
	"search",
	"read",
	"list-search",
	"memberships",
	"list",
	"properties",
	"contact",
	"contacts",
	"token-info",
	"account",
	"token",
	"introspect",
	"certifier",
	"create",
	"issue",
	"send",
	"search-credentials",
	"get-credential",
	"delete-credential",
	"groups",
	"attributes",
	"create-issue-send",
	"property",
};

enum rc sandbox_fault(struct sandbox *sb, const char *call, enum sandbox_fault fault, int status,
		      int retry_after_s, int skip, int times, struct err *err)
{
	size_t i = 0, n = sizeof(faulty) / sizeof(faulty[0]);
	bool needs_status = fault == FAULT_STATUS || fault == FAULT_STATUS_AFTER;

	while (i < n && strcmp(faulty[i], call) != 0)
		i++;
	if (i == n)
		return err_set(err, RC_INVALID, "there is no call '%s' to fail", call);
	if (needs_status && (status < 400 || status > 599))
		return err_set(err, RC_INVALID, "a fault's status is from 400 to 599, not %d",
			       status);
	if (skip < 0 || times < 1)
		return err_set(err, RC_INVALID, "a fault happens at least once");
	sb->fault = mem_grow(sb->fault, &sb->fault_cap, sb->faults + 1, sizeof(*sb->fault));
	sb->fault[sb->faults++] = (struct planned_fault){ faulty[i],	 fault, status,
							  retry_after_s, skip,	times };
	return RC_OK;
}

void sandbox_faults_clear(struct sandbox *sb)
{
	sb->faults = 0;
}

int sandbox_faults_left(const struct sandbox *sb, const char *call)
{
	int left = 0;

	for (size_t i = 0; i < sb->faults; i++)
		if (strcmp(sb->fault[i].call, call) == 0)
			left += sb->fault[i].times;
	return left;
}

/* The fault that this call meets, or NULL. Every fault counts the calls that it lets pass. */
static const struct planned_fault *next_fault(struct sandbox *sb, const char *service,
					      const char *name)
{
	const struct planned_fault *met = NULL;

	for (size_t i = 0; i < sb->faults; i++) {
		struct planned_fault *f = &sb->fault[i];
		if (strcmp(f->call, service) != 0 && strcmp(f->call, name) != 0)
			continue;
		if (f->skip) {
			f->skip--;
		} else if (!met && f->times) {
			f->times--;
			met = f;
		}
	}
	return met;
}

/* ---- a call ------------------------------------------------------------- */

static const struct service {
	const char *name;
	const struct route *(*route)(struct call *call);
	void (*serve)(struct call *call, const struct route *route);
	void (*status)(struct call *call, int status);
} services[] = {
	{ "hubspot", hubspot_route, hubspot_serve, hubspot_status },
	{ "certifier", certifier_route, certifier_serve, certifier_status },
};

static void fail_with_status(struct call *call, const struct service *s,
			     const struct planned_fault *f)
{
	memset(call->answer->header, 0, sizeof(call->answer->header));
	s->status(call, f->status);
	if (f->retry_after_s >= 0)
		call_header(call, "Retry-After: %d", f->retry_after_s);
}

/* How a fault shows, by its kind; the effect is done or not before. */
static void fail(struct call *call, const struct service *s, const struct planned_fault *f)
{
	switch (f->kind) {
	case FAULT_STATUS:
	case FAULT_STATUS_AFTER:
		fail_with_status(call, s, f);
		break;
	case FAULT_CUT_BEFORE:
	case FAULT_CUT_AFTER:
		call->answer->delivery = SANDBOX_CUT;
		break;
	case FAULT_TIMEOUT:
	case FAULT_TIMEOUT_BEFORE:
		call->answer->delivery = SANDBOX_TIMEOUT;
		break;
	case FAULT_GARBAGE:
		call_reply_text(call, 200, "{\"results\":[{\"id\":\"10");
		break;
	case FAULT_EMPTY:
		call_reply_text(call, 200, "");
		break;
	}
}

static bool done_first(enum sandbox_fault kind)
{
	return kind != FAULT_STATUS && kind != FAULT_CUT_BEFORE && kind != FAULT_TIMEOUT_BEFORE;
}

static void serve(struct call *call, const struct service *s)
{
	const struct route *route = s->route(call);
	const struct planned_fault *f;
	char date[CLOCK_TEXT];

	sandbox_count(call->sb, s->name);
	sandbox_count(call->sb, call->name);
	f = next_fault(call->sb, s->name, call->name);
	if (route && (!f || done_first(f->kind)))
		s->serve(call, route);
	if (f)
		fail(call, s, f);
	if (!call->sb->options.no_date_header)
		call_header(
			call, "Date: %s",
			clock_format_http(call->now_ms + call->sb->options.date_ahead_ms, date));
}

void sandbox_call(struct sandbox *sb, int64_t now_ms, const struct sandbox_request *request,
		  struct sandbox_answer *answer)
{
	struct call call = { .sb = sb, .now_ms = now_ms, .request = request, .answer = answer };
	const struct service *s = NULL;

	memset(answer, 0, sizeof(*answer));
	str_init(&answer->body, ANSWER_MOST);
	sb->now_ms = now_ms;
	arena_init(&call.memory);
	call_split(&call, request->path);
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (call.segments && slice_is(call.segment[0], services[i].name))
			s = &services[i];
	if (s)
		serve(&call, s);
	else
		actions_serve(&call);
	json_free(call.body);
	arena_release(&call.memory);
}
