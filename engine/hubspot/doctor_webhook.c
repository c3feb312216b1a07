/*
 * doctor_webhook - whether HubSpot could reach us: facts/hubspot.md 5.
 *
 * The settings, and what answers at public-url when it is asked from here: our own listener refuses
 * everything but POST in its own words (engine/hubspot/hear.c). From outside it may be otherwise.
 */
#include "engine/hubspot/doctor_webhook.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define TIMEOUT_MS (10 * MS_SECOND)

struct reader {
	struct patient patient;
	bool done;
};

static const struct account *account_of(const struct patient *p)
{
	return &p->table->account[p->account];
}

static const char *public_url(const struct patient *p)
{
	return account_text(account_of(p), "webhook.public-url");
}

static void remark(const struct patient *p, enum remark_level level, const char *next,
		   const char *text)
{
	remarks_add(p->out, level, account_of(p)->name, "webhook", next, "%s", text);
}

/* ---- settings ---------------------------------------------------------------------- */

static void check_secrets(const struct patient *p)
{
	const struct setting *secret = account_setting(account_of(p), "webhook.secret");
	struct str value;
	struct err err;

	str_init(&value, LIMIT_SECRET_BYTES);
	for (size_t i = 0; i < secret->n_secret; i++) {
		enum rc rc = p->world->secret(p->world->ctx, &secret->secret[i], &value, &err);
		str_wipe(&value);
		if (rc != RC_OK)
			remark(p, REMARK_ERROR, "give it to this command as 'hs2cert run' has it",
			       err.text);
	}
}

static void check_address(const struct patient *p)
{
	if (!slice_starts(slice_of(public_url(p)), slice_of("https://")))
		remark(p, REMARK_ERROR,
		       "put a proxy with a certificate in front, and its address there",
		       "public-url is not https, and HubSpot sends to nothing else");
}

/* ---- what answers there -------------------------------------------------------------- */

struct reader *webhook_open(const struct patient *patient)
{
	if (!public_url(patient))
		return NULL;
	struct reader *r = mem_alloc(sizeof(*r));
	r->patient = *patient;
	check_secrets(patient);
	check_address(patient);
	return r;
}

static void reader_close(struct reader *r)
{
	mem_free(r);
}

static bool reader_next(struct reader *r, struct arena *memory, struct http_request *out)
{
	(void)memory;
	*out = (struct http_request){ .method = "GET",
				      .url = public_url(&r->patient),
				      .header = { "Accept: application/json" },
				      .timeout_ms = TIMEOUT_MS };
	return !r->done;
}

static int64_t reader_pace_ms(const struct reader *r)
{
	(void)r;
	return 0;
}

static const char start[] = "start 'hs2cert run --listen', and look at the proxy in front of it; "
			    "from outside it may be otherwise";

static void judge(const struct patient *p, int status, struct slice said)
{
	char text[64];

	snprintf(text, sizeof(text), "somebody else answers at public-url: %d", status);
	if (status == 405 && slice_is(said, "only POST"))
		remark(p, REMARK_OK, NULL, "the listener answers at public-url");
	else if (status == 404 && slice_is(said, "nobody listens here"))
		remark(p, REMARK_WARNING,
		       "give the proxy and public-url the same path; reload where it was changed",
		       "a listener answers at public-url, but not for this account");
	else
		remark(p, REMARK_WARNING, start, text);
}

static enum rc reader_answer(struct reader *r, const struct http_response *response,
			     int64_t *wait_ms, struct err *err)
{
	char text[LIMIT_ERROR_BYTES];
	struct err ignored;

	(void)wait_ms;
	(void)err;
	r->done = true;
	if (response->outcome != HTTP_ANSWER) {
		snprintf(text, sizeof(text), "nothing answers at public-url: %s",
			 response->problem);
		remark(&r->patient, REMARK_WARNING, start, text);
		return RC_OK;
	}
	struct json *body = json_parse(response->body, &ignored);
	judge(&r->patient, response->status, json_get_slice(body, "message"));
	json_free(body);
	return RC_OK;
}

const struct reader_ops webhook_reads = { .next = reader_next,
					  .pace_ms = reader_pace_ms,
					  .answer = reader_answer,
					  .close = reader_close };
