#include "engine/report.h"

#include <string.h>

#include "engine/lane.h"
#include "engine/source.h"

const char *const account_health_names[ACCOUNT_HEALTHS] = { "fine", "waiting", "stopped",
							    "restored", "unsure" };

void report_begin(struct engine_report *out, const struct table *table, struct arena *memory)
{
	*out = (struct engine_report){ .table = table, .accounts = table ? table->n_account : 0 };
	out->account = arena_alloc(memory, (out->accounts + 1) * sizeof(*out->account));
	for (size_t i = 0; i < out->accounts; i++)
		out->account[i] = (struct account_report){ .name = table->account[i].name,
							   .type = table->account[i].type,
							   .health = ACCOUNT_STOPPED };
}

void report_source(struct engine_report *out, const char *account, const struct source_ops *ops,
		   const struct source *source)
{
	static const enum account_health healths[] = {
		[SOURCE_FINE] = ACCOUNT_FINE,
		[SOURCE_WAITING] = ACCOUNT_WAITING,
		[SOURCE_STOPPED] = ACCOUNT_STOPPED,
	};

	for (size_t i = 0; source && i < out->accounts; i++) {
		if (strcmp(out->account[i].name, account) != 0)
			continue;
		out->account[i].health = healths[ops->health(source)];
		ops->report(source, &out->account[i]);
	}
}

void report_action(struct account_report *out, const struct lane *lane)
{
	if (lane)
		lane_report(lane, out);
}
