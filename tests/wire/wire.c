/*
 * wire - lives through every behaviour of the table with every call.
 *
 *   wire [--every N] [BEHAVIOUR [CALL]]
 *
 * Only every N-th life; only behaviours whose name holds the word, only that call.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsl/build.h"
#include "tests/wire/wire.h"

#define HANG_MS 25
#define HANG_MOST_MS 1000

struct tally {
	int lives, every, passed, failed;
};

static struct table *build_rules(const struct wire_server *s)
{
	struct sources sources;
	struct diags diags;
	struct str text;
	size_t rules;

	str_init(&text, 4096);
	str_addf(
		&text,
		"account: hubspot\n"
		"hubspot: { token: \"${H}\", poll: 10m, base-url: \"http://127.0.0.1:%d/hubspot\" }\n"
		"---\n"
		"account: certifier\n"
		"certifier: { token: \"${C}\", base-url: \"http://127.0.0.1:%d/certifier/v1\" }\n",
		s->good_port, s->good_port);
	str_add_text(&text, "---\n"
			    "rule: tiers\n"
			    "trigger: { event: property-changed, property: tier, settle: 0s }\n"
			    "action: { do: issue-credential, group: tiers,\n"
			    "  fields: { custom.tier: \"{{ contact.tier | label }}\" } }\n"
			    "---\n"
			    "rule: graduates\n"
			    "trigger: { event: list-added, list: 4711, settle: 0s }\n"
			    "action: { do: issue-credential, group: graduates }\n"
			    "---\n"
			    "rule: named\n"
			    "trigger: { event: list-added, list: \"Named\", settle: 0s }\n"
			    "action: { do: issue-credential, group: graduates }\n");
	sources_init(&sources);
	diags_init(&diags);
	sources_add_text(&sources, "rules.yaml", str_slice(&text));
	struct table *table = table_build(&sources, &diags, &rules);
	for (size_t i = 0; i < diags.count; i++)
		fprintf(stderr, "wire: %s\n", diags.list[i].message);
	diags_release(&diags);
	sources_release(&sources);
	str_release(&text);
	return table;
}

/* A busy machine may end the wait for what never comes before the request has left: then with a longer one. */
static bool live_plan(struct life *l, const struct life *plan, struct str *why)
{
	for (int64_t hang_ms = HANG_MS;; hang_ms *= 4) {
		*l = *plan;
		l->hang_ms = hang_ms;
		str_clear(why);
		bool good = life_live(l, why) && life_judge(l, why);
		life_end(l);
		if (good || l->fault->ending != HANG || l->outcome != HTTP_NOT_SENT ||
		    hang_ms > HANG_MOST_MS)
			return good;
	}
}

static void live_one(struct tally *t, const struct life *plan)
{
	struct life l;
	struct str why;

	if (t->lives++ % t->every)
		return;
	str_init(&why, 1024);
	bool good = live_plan(&l, plan, &why);
	t->passed += good;
	t->failed += !good;
	if (!good)
		printf("FAIL: %s: %s%s: %s\n", l.fault->name, call_names[l.call],
		       l.carry_out ? ", carried out" : "", str_text(&why));
	str_release(&why);
}

static void live_all(struct tally *t, const struct life *plan, const char *only, const char *call)
{
	for (size_t i = 0; i < n_behaviours * CALLS; i++) {
		const struct behaviour *b = &behaviours[i / CALLS];
		struct life l = *plan;
		l.fault = b;
		l.call = (enum call)(i % CALLS);
		if ((b->calls && !(b->calls & (1u << l.call))) ||
		    (only && !strstr(b->name, only)) || (call && strcmp(call, call_names[l.call])))
			continue;
		/* To a read it is the same whether it was carried out. */
		bool both = b->carried == EITHER && call_writes(l.call);
		for (int done = b->carried != NEVER && !both; done <= (b->carried != NEVER);
		     done++) {
			l.carry_out = done;
			live_one(t, &l);
		}
	}
}

int main(int argc, char **argv)
{
	struct wire_server server;
	struct tally t = { .every = 1 };
	struct err err;

	if (argc > 2 && strcmp(argv[1], "--every") == 0) {
		t.every = atoi(argv[2]) > 0 ? atoi(argv[2]) : 1;
		argv += 2;
		argc -= 2;
	}
	signal(SIGPIPE, SIG_IGN);
	json_start();
	struct net *net = net_new(&err);
	wire_server_start(&server);
	struct table *table = build_rules(&server);
	if (!net || !table)
		return 3;
	net_watch(net, server.epoll, wire_server_ready, &server);
	struct life plan = { .net = net, .server = &server, .table = table, .random = 7 };
	live_all(&t, &plan, argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL);
	table_unref(table);
	net_free(net);
	wire_server_stop(&server);
	printf("%zu behaviours, %d calls\n", n_behaviours, (int)CALLS);
	printf("wire: %d passed, %d failed\n", t.passed, t.failed);
	return t.failed ? 1 : 0;
}
