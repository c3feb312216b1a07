/*
 * health - whether the daemon lives, and whether it can do its work.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/admin/view.h"

/* Less than this on the disk, and a commit may fail any moment. */
#define FREE_LEAST (INT64_C(1) << 20)

static int64_t size_of(const char *path)
{
	struct stat is;

	return stat(path, &is) == 0 ? (int64_t)is.st_size : 0;
}

struct state_file state_file_look(const char *path)
{
	struct state_file f = { .free_bytes = INT64_MAX, .writable = true };
	struct statvfs disk;
	char wal[4096];

	if (!path)
		return f;
	snprintf(wal, sizeof(wal), "%s-wal", path);
	f.bytes = size_of(path);
	f.wal_bytes = size_of(wal);
	if (statvfs(path, &disk) == 0)
		f.free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
	f.writable = access(path, W_OK) == 0 && f.free_bytes >= FREE_LEAST;
	return f;
}

/* Why nothing can be stored now; NULL: it can. */
static const char *cannot_store(const struct admin_view *v)
{
	if (v->report.failed)
		return v->report.failed;
	return state_file_look(v->scope->state).writable ? NULL
							 : "its disk is full, or it is read-only";
}

int view_health(const struct admin_view *v, struct str *out)
{
	const char *why = cannot_store(v);

	str_add_text(out, why ? "{\"status\":\"the state cannot be written\",\"reason\":"
			      : "{\"status\":\"ok\"}\n");
	if (!why)
		return 200;
	str_add_json(out, slice_of(why));
	str_add_text(out, "}\n");
	return 503;
}

static void add_account(const struct account_report *a, struct str *out)
{
	str_add_json(out, slice_of(a->name));
	str_addf(out, ":\"%s\"", account_health_names[a->health]);
}

/* Of those that do not work and have one. */
static void add_reasons(const struct engine_report *r, struct str *out)
{
	const char *comma = "";

	for (size_t i = 0; i < r->accounts; i++) {
		if (!r->account[i].reason)
			continue;
		str_add_text(out, comma);
		str_add_json(out, slice_of(r->account[i].name));
		str_add_char(out, ':');
		str_add_json(out, slice_of(r->account[i].reason));
		comma = ",";
	}
}

int64_t view_clock_ms(const struct engine_report *r)
{
	int64_t most = 0;

	for (size_t i = 0; i < r->accounts; i++) {
		int64_t ms = r->account[i].clock_known ? r->account[i].clock_ms : 0;
		if ((ms < 0 ? -ms : ms) > (most < 0 ? -most : most))
			most = ms;
	}
	return most;
}

/* A failure that passes by itself is no reason to call for help. */
static bool works(const struct account_report *a)
{
	return a->health == ACCOUNT_FINE || a->health == ACCOUNT_WAITING;
}

int view_ready(const struct admin_view *v, struct str *out)
{
	const struct engine_report *r = &v->report;
	const char *unfit = cannot_store(v);
	bool ready = r->table && !r->stopping && !unfit;

	for (size_t i = 0; i < r->accounts; i++)
		ready = ready && works(&r->account[i]);
	str_addf(out, "{\"ready\":%s,\"stopping\":%s,\"table\":", ready ? "true" : "false",
		 r->stopping ? "true" : "false");
	if (r->table)
		str_addf(out, "\"%s\",\"rules\":%zu", r->table->hash, r->table->n_rule);
	else
		str_add_text(out, "null,\"rules\":0");
	str_add_text(out, ",\"accounts\":{");
	for (size_t i = 0; i < r->accounts; i++) {
		str_add_text(out, i ? "," : "");
		add_account(&r->account[i], out);
	}
	str_add_text(out, "},\"reasons\":{");
	add_reasons(r, out);
	str_addf(out, "},\"clock_ms\":%lld,\"unfit\":", (long long)view_clock_ms(r));
	if (unfit)
		str_add_json(out, slice_of(unfit));
	else
		str_add_text(out, "null");
	str_add_text(out, "}\n");
	return ready ? 200 : 503;
}
