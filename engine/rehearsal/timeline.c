/* timeline - what happened in a rehearsal, in the order in which it did. */
#include <stdio.h>
#include <string.h>

#include "engine/rehearsal/stage.h"

void stage_note(struct stage *s, const char *kind, const char *format, ...)
{
	struct rehearsal *r = s->out;
	struct str text;
	va_list args;

	if (!s->options->moments)
		return;
	str_init(&text, LIMIT_VALUE_BYTES);
	va_start(args, format);
	str_addv(&text, format, args);
	va_end(args);
	r->moment = mem_grow(r->moment, &r->cap_moments, r->moments + 1, sizeof(*r->moment));
	r->moment[r->moments++] = (struct rehearsed_moment){
		s->sim.now_ms, kind, arena_text(&r->memory, str_slice(&text))
	};
	str_release(&text);
}

static void note_news(struct stage *s)
{
	for (struct query *q = db_select(s->sim.world.db,
					 "SELECT id, contact FROM news WHERE id > ?1 ORDER BY id",
					 "i", s->news);
	     query_next(q);) {
		s->news = query_integer(q, 0);
		stage_note(s, "news", "contact %.*s", SLICE_FMT(query_slice(q, 1)));
	}
}

static void note_decisions(struct stage *s)
{
	for (struct query *q = db_select(
		     s->sim.world.db,
		     "SELECT id, contact, coalesce(rule, ''), target, from_value, to_value, outcome,"
		     " coalesce(reason, '') FROM decision WHERE id > ?1 ORDER BY id",
		     "i", s->decision);
	     query_next(q);) {
		struct str text;
		str_init(&text, LIMIT_VALUE_BYTES);
		str_addf(&text, "contact %.*s, %.*s", SLICE_FMT(query_slice(q, 1)),
			 SLICE_FMT(query_slice(q, 3)));
		if (query_slice(q, 5).len || query_slice(q, 4).len)
			str_addf(&text, " '%.*s' -> '%.*s'", SLICE_FMT(query_slice(q, 4)),
				 SLICE_FMT(query_slice(q, 5)));
		str_addf(&text, ": %.*s%s%.*s", SLICE_FMT(query_slice(q, 2)),
			 query_slice(q, 2).len ? " " : "", SLICE_FMT(query_slice(q, 6)));
		if (query_slice(q, 7).len)
			str_addf(&text, ", %.*s", SLICE_FMT(query_slice(q, 7)));
		s->decision = query_integer(q, 0);
		stage_note(s, "decision", "%s", str_text(&text));
		str_release(&text);
	}
}

static void note_trail(struct stage *s)
{
	for (struct query *q = db_select(
		     s->sim.world.db,
		     "SELECT t.id, t.issuance, t.state, coalesce(t.note, ''), i.rule, i.contact"
		     " FROM trail t JOIN issuance i ON i.id = t.issuance WHERE t.id > ?1"
		     " ORDER BY t.id",
		     "i", s->trail);
	     query_next(q);) {
		s->trail = query_integer(q, 0);
		stage_note(s, "issuance", "%lld %.*s, contact %.*s: %.*s%s%.*s",
			   (long long)query_integer(q, 1), SLICE_FMT(query_slice(q, 4)),
			   SLICE_FMT(query_slice(q, 5)), SLICE_FMT(query_slice(q, 2)),
			   query_slice(q, 3).len ? ", " : "", SLICE_FMT(query_slice(q, 3)));
	}
}

static bool at_commit(void *ctx, const char *tag, bool after)
{
	struct stage *s = ctx;

	(void)tag;
	if (after) {
		note_news(s);
		note_decisions(s);
		note_trail(s);
	}
	return true;
}

/* Reads of contacts, and all that leaves for the sink; polls would drown the rest. */
static struct sim_fate at_request(void *ctx, const struct sim_request *request)
{
	static const char read[] = "/batch/read", sink[] = "/certifier/";
	struct stage *s = ctx;
	size_t len = strlen(request->path);

	if (strncmp(request->path, sink, sizeof(sink) - 1) == 0 ||
	    (len >= sizeof(read) && strcmp(request->path + len - sizeof(read) + 1, read) == 0))
		stage_note(s, "request", "%s %s", request->method, request->path + 1);
	return (struct sim_fate){ 0 };
}

void stage_watch(struct stage *s)
{
	db_hook(s->sim.world.db, at_commit, s);
	s->sim.fate = at_request;
	s->sim.fate_ctx = s;
}
