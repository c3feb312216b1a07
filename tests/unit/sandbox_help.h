/*
 * sandbox_help - calls to the sandbox in one line, for its own tests.
 */
#ifndef TESTS_UNIT_SANDBOX_HELP_H
#define TESTS_UNIT_SANDBOX_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/sandbox/sandbox.h"

#define T0 INT64_C(1795428000000) /* 2026-11-23T10:00:00Z */

struct wire {
	struct sandbox *sb;
	int64_t now_ms;
	const char *authorization, *version;
	int status;
	struct json *json; /* of the last answer, or NULL */
	struct sandbox_answer answer;
};

static inline void wire_open(struct wire *w)
{
	struct sandbox_options o;

	sandbox_defaults(&o);
	*w = (struct wire){ .sb = sandbox_new(&o),
			    .now_ms = T0,
			    .authorization = "Bearer pat-eu1-x",
			    .version = "2022-10-26" };
}

static inline void wire_close(struct wire *w)
{
	json_free(w->json);
	str_release(&w->answer.body);
	sandbox_free(w->sb);
}

/* `target` is a path with its query. Answers the status. */
static inline int wire(struct wire *w, const char *method, const char *target, const char *body)
{
	char path[1024];
	size_t len = strcspn(target, "?");
	struct sandbox_request r = {
		.method = method,
		.path = path,
		.query = target[len] ? target + len + 1 : "",
		.authorization = w->authorization,
		.certifier_version = w->version,
		.body = slice_of(body),
	};
	struct err err;

	assert_true(len < sizeof(path));
	memcpy(path, target, len);
	path[len] = '\0';
	json_free(w->json);
	str_release(&w->answer.body);
	sandbox_call(w->sb, w->now_ms, &r, &w->answer);
	w->json = w->answer.body.len ? json_parse(str_slice(&w->answer.body), &err) : NULL;
	w->status = w->answer.status;
	return w->status;
}

static inline void assert_text(const struct json *v, const char *expected)
{
	struct slice text = json_slice(v);

	if (!slice_is(text, expected))
		fail_msg("'%.*s' is not '%s'", SLICE_FMT(text), expected);
}

static inline void assert_member(const struct wire *w, const char *path, const char *expected)
{
	assert_text(json_path(w->json, path), expected);
}

/* The value of a header that begins with `name: `, or NULL. */
static inline const char *wire_header(const struct wire *w, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < 8 && w->answer.header[i][0]; i++)
		if (strncmp(w->answer.header[i], name, len) == 0 && w->answer.header[i][len] == ':')
			return w->answer.header[i] + len + 2;
	return NULL;
}

static inline int64_t make_contact(struct wire *w, int64_t id, const char *properties)
{
	struct err err;
	struct json *p = json_parse(slice_of(properties), &err);
	int64_t made = 0;

	assert_non_null(p);
	assert_int_equal(sandbox_create(w->sb, w->now_ms, id, p, &made, &err), RC_OK);
	json_free(p);
	return made;
}

static inline void set_value(struct wire *w, int64_t id, const char *name, const char *value)
{
	struct err err;

	assert_int_equal(sandbox_set(w->sb, w->now_ms, id, name, slice_of(value), &err), RC_OK);
}

#endif
