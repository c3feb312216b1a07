/*
 * doctor - Certifier's part of a check: one page of groups shows whether the token is accepted, as
 * Certifier's own clients probe it (facts/certifier.md 1.1).
 */
#include <string.h>

#include "base/clock.h"
#include "base/mask.h"
#include "engine/certifier/api.h"
#include "engine/certifier/certifier.h"

#define SAID_BYTES 200 /* of a foreign message */
#define RATE_KNOWN 3.0 /* requests a second: facts/certifier.md 1.5 */

struct reader {
	struct patient patient;
	struct action *action; /* for its requests */
	bool done;
};

static const struct account *account_of(const struct patient *p)
{
	return &p->table->account[p->account];
}

static struct reader *reader_open(const struct patient *patient)
{
	struct reader *r = mem_alloc(sizeof(*r));

	r->patient = *patient;
	r->action = certifier_ops.open(account_of(patient), bearer_token(patient->bearer));
	return r;
}

static void reader_close(struct reader *r)
{
	certifier_ops.close(r->action);
	mem_free(r);
}

static bool reader_next(struct reader *r, struct arena *memory, struct http_request *out)
{
	if (!r->done)
		api_groups(r->action, "", memory, out);
	return !r->done;
}

static int64_t reader_pace_ms(const struct reader *r)
{
	return (int64_t)(MS_SECOND / account_setting(account_of(&r->patient), "rate")->per_second) +
	       1;
}

static enum rc refuse(const struct reader *r, const struct http_response *response,
		      const struct json *body, struct err *err)
{
	int status = response->status;
	struct str said;

	if (response->outcome != HTTP_ANSWER)
		return err_set(err, RC_AGAIN, "no answer: %s", response->problem);
	if (api_is_good(response))
		return err_set(err, RC_AGAIN, "%d with an answer that is cut or cannot be used",
			       status);
	if (status == 401)
		return err_set(err, RC_REFUSED, "401 the token is not accepted");
	str_init(&said, LIMIT_FIELD_BYTES);
	mask_said(&said, json_slice(json_path(body, "error.message")), str_slice(&r->action->token),
		  SAID_BYTES);
	bool passes = status == 408 || status == 429 || status >= 500;
	enum rc rc = err_set(err, passes ? RC_AGAIN : RC_REFUSED, "%d %s", status, str_text(&said));
	str_release(&said);
	return rc;
}

/* A token carries the whole workspace's rights: there are no scopes. */
static enum rc reader_answer(struct reader *r, const struct http_response *response,
			     int64_t *wait_ms, struct err *err)
{
	const struct patient *p = &r->patient;
	struct err ignored;
	struct json *body = response->outcome == HTTP_ANSWER ? json_parse(response->body, &ignored)
							     : NULL;
	enum rc rc = RC_OK;

	*wait_ms = api_retry_ms(response);
	r->done = api_is_good(response) && json_kind(json_get(body, "data")) == IS_ARRAY;
	if (r->done)
		remarks_add(p->out, REMARK_OK, account_of(p)->name, "token", NULL, "accepted");
	else
		rc = refuse(r, response, body, err);
	json_free(body);
	return rc;
}

/* No answer tells a budget: facts/certifier.md 1.5. */
static void tell_limits(const struct patient *p, const struct vitals *v)
{
	double rate = account_setting(account_of(p), "rate")->per_second;
	bool much = rate > RATE_KNOWN;

	(void)v;
	remarks_add(p->out, much ? REMARK_WARNING : REMARK_OK, account_of(p)->name, "limits",
		    much ? "set the account's `rate` to 2.5/s, unless Certifier allows more" : NULL,
		    "`rate` is %g a second; Certifier allows about %g, and tells no budget", rate,
		    RATE_KNOWN);
}

const struct doctor_ops certifier_doctor = {
	.type = "certifier",
	.open = reader_open,
	.reads = { .next = reader_next,
		   .pace_ms = reader_pace_ms,
		   .answer = reader_answer,
		   .close = reader_close },
	.limits = tell_limits,
};
