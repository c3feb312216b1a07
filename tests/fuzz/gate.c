/*
 * The heads of requests to the admin endpoint, a line each: method, host, origin, authorization,
 * content type, fetch site, fetch mode, and then the query. Whatever they say, nobody passes without
 * the token, by a name that was not allowed, or as another site; and a value that was decoded is text,
 * which encoded again is decoded as the same.
 */
#include "tests/fuzz/fuzz.h"

#include "engine/admin/gate.h"
#include "engine/admin/query.h"

#define TOKEN "correct-horse-battery"

static char *line(struct input *in, char room[512])
{
	struct slice text = input_until(in, '\n');

	if (!text.len)
		return NULL;
	snprintf(room, 512, "%.*s", SLICE_FMT(text));
	return room;
}

static bool holds(const char *text, const char *word)
{
	return text && strstr(text, word);
}

static void read_query(struct slice query)
{
	struct str value, again, same;

	str_init(&value, 254);
	str_init(&again, 1024);
	str_init(&same, 254);
	if (query_value(query, "contact", &value)) {
		must(value.len <= 254 && utf8_valid(str_slice(&value)));
		must(!memchr(str_text(&value), 0, value.len));
		str_add_text(&again, "a&contact=");
		str_add_url(&again, str_slice(&value));
		must(query_value(str_slice(&again), "contact", &same));
		must(slice_eq(str_slice(&value), str_slice(&same)));
	}
	str_release(&value);
	str_release(&again);
	str_release(&same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char encoded[] =
		"OmNvcnJlY3QtaG9yc2UtYmF0dGVye"; /* the end of …:TOKEN, less its last bits */
	struct input in = { data, data + size };
	struct gate gate = { .hosts = "ops.example" };
	char room[7][512];
	const char *why;
	struct gate_request r = { .method = "GET" }, open;

	char *method = line(&in, room[0]);
	r.method = method ? method : "GET";
	r.host = line(&in, room[1]);
	r.origin = line(&in, room[2]);
	r.authorization = line(&in, room[3]);
	r.content_type = line(&in, room[4]);
	r.fetch_site = line(&in, room[5]);
	r.fetch_mode = line(&in, room[6]);
	open = r;
	int free_status = gate_check(&gate, &r, &why);
	must((free_status == 0) == (why == NULL));
	if (free_status == 0) {
		must(!r.origin && r.host);
		must(strpbrk(r.host, "@/,") == NULL);
	}
	gate_ask(&gate, slice_of(TOKEN));
	int status = gate_check(&gate, &r, &why);
	must(status == free_status || status == 401);
	/* Basic encodes it in one of three ways, by the length of the name: one of them is looked for. */
	if (status != 401 && free_status != 421 && free_status != 403 &&
	    !holds(r.authorization, TOKEN))
		must(r.authorization && strlen(r.authorization) >= sizeof(encoded));
	open.authorization = "Bearer " TOKEN;
	must(gate_check(&gate, &open, &why) == free_status);
	read_query(input_rest(&in));
	return 0;
}
