/*
 * probe - which groups and custom attributes a workspace has, asked for once,
 * and what of a rule does not exist there. For this folder only.
 */
#ifndef ENGINE_CERTIFIER_PROBE_H
#define ENGINE_CERTIFIER_PROBE_H

#include "base/map.h"
#include "engine/action.h"

struct probe {
	enum { PROBE_GROUPS, PROBE_ATTRIBUTES, PROBE_DONE } asks;
	size_t pages;
	struct str cursor;
	struct map groups;     /* ids */
	struct map attributes; /* "custom.x" */
	struct str problem;    /* empty: none */
};

void probe_init(struct probe *p);
void probe_release(struct probe *p);

/* These four are rows of struct action_ops. */
bool probe_next(struct action *a, struct arena *memory, struct http_request *out);
void probe_answer(struct action *a, const struct http_response *r);
const char *probe_problem(const struct action *a);
void probe_report(const struct action *a, const struct rule *rule,
		  void (*say)(void *ctx, const char *text), void *ctx);

#endif
