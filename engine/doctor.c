#include "engine/doctor.h"

#include <string.h>

#include "base/clock.h"
#include "engine/grant.h"
#include "engine/names.h"
#include "engine/registry.h"

#define SKEW_BAD_MS (5 * MS_MINUTE) /* signatures and certificates are refused from here on */

/* Somebody looks at the terminal: a dead network is said within a quarter of a minute. */
static const struct patience patience = {
	.tries = 3,
	.wait_ms = 5 * MS_SECOND,
	.silence_ms = 15 * MS_SECOND,
	.whole_ms = 45 * MS_SECOND,
};

/*
 *	token -> (the service's own reads) -> names -> done
 *
 * exam_begin, then exam_step for each arrow; what fails is done at once.
 */
struct exam {
	struct patient patient;
	struct remarks found;
	struct vitals vitals;
	struct bearer *bearer;
	struct reading *reading; /* NULL: done */
	bool names;		 /* it reads the names now */
	/* What needs no token: side by side with that, and told behind it. */
	struct patient other;
	struct remarks aside;
	struct reading *beside; /* NULL: done */
};

struct doctor {
	const struct world *world;
	const struct table *table;
	struct lock lock;
	struct exam *exam; /* one for each account */
	bool finished;
};

static const struct account *account_of(const struct exam *e)
{
	return &e->patient.table->account[e->patient.account];
}

static void add(struct exam *e, enum remark_level level, const char *check, const char *next,
		const char *text)
{
	remarks_add(&e->found, level, account_of(e)->name, check, next, "%s", text);
}

/* ---- what all answers tell ------------------------------------------------------ */

static void take_number(int64_t *into, int64_t n)
{
	if (n != HTTP_ABSENT)
		*into = n;
}

static void heard(void *arg, int64_t sent_ms, const struct http_response *r)
{
	struct exam *e = arg;
	struct vitals *v = &e->vitals;
	const struct world *w = e->patient.world;

	if (r->outcome != HTTP_ANSWER)
		return;
	if (r->date_ms != HTTP_ABSENT)
		skew_observe(&v->skew, sent_ms, w->wall_ms(w->ctx), r->date_ms);
	take_number(&v->rate_max, r->rate_max);
	take_number(&v->rate_left, r->rate_left);
	take_number(&v->rate_interval_ms, r->rate_interval_ms);
	take_number(&v->day_max, r->day_max);
	take_number(&v->day_left, r->day_left);
}

/* ---- what is alike for all services ----------------------------------- */

static void tell_clock(struct exam *e)
{
	int64_t theirs = skew_offset(&e->vitals.skew), apart = theirs < 0 ? -theirs : theirs;
	char line[SKEW_TEXT];

	if (!e->vitals.skew.known) {
		add(e, REMARK_OK, "clock", NULL, "not compared: no answer has a date");
		return;
	}
	add(e,
	    !skew_is_seen(theirs) ? REMARK_OK
	    : apart < SKEW_BAD_MS ? REMARK_WARNING
				  : REMARK_ERROR,
	    "clock", skew_is_seen(theirs) ? "set this machine's clock, best by NTP" : NULL,
	    skew_say(theirs, line));
}

static void tell_counts(struct exam *e, const struct lock_account *a)
{
	const char *before = "";
	struct str line;

	str_init(&line, LIMIT_FIELD_BYTES);
	for (size_t k = 0; k < LOCK_KINDS; k++) {
		size_t count = a->section[k].count;
		if (!lock_has_kind(a->type, (enum lock_kind)k))
			continue;
		str_addf(&line, "%s%zu %s", before, count,
			 count == 1 ? lock_thing_names[k] : lock_kind_names[k]);
		before = ", ";
	}
	add(e, REMARK_OK, "names", NULL, str_text(&line));
	str_release(&line);
}

static const char try_again[] =
	"look at the network, a proxy and the account's base-url; try again";

/* ---- one account ------------------------------------------------------------------ */

static const struct doctor_ops *ops_of(const struct exam *e)
{
	return registry_doctor(account_of(e)->type);
}

static void begin_reads(struct exam *e, const struct reader_ops *reads, struct reader *reader)
{
	e->reading = reading_new(e->patient.world, account_of(e), reads, reader, &patience);
	reading_carry(e->reading, e->bearer);
	reading_listen(e->reading, heard, e);
}

static void end_reads(struct exam *e)
{
	reading_free(e->reading);
	e->reading = NULL;
}

static void begin_beside(struct exam *e)
{
	/* As long as its request allows: its reader says what became of it. */
	static const struct patience once = { .tries = 1 };
	const struct doctor_ops *ops = ops_of(e);

	e->other = e->patient;
	e->other.out = &e->aside;
	struct reader *reader = ops->beside ? ops->beside(&e->other) : NULL;
	if (reader)
		e->beside = reading_new(e->patient.world, account_of(e), ops->beside_reads, reader,
					&once);
}

/* Its reader says itself what is wrong. */
static void step_beside(struct exam *e)
{
	struct err ignored;
	bool done = false;

	if (e->beside && (reading_step(e->beside, &done, &ignored) != RC_OK || done)) {
		reading_free(e->beside);
		e->beside = NULL;
	}
}

static void exam_begin(struct exam *e)
{
	struct err err = { "" };
	enum rc rc = bearer_load(e->bearer, account_of(e), &err);

	begin_beside(e);
	if (rc == RC_OK && !bearer_there(e->bearer))
		rc = err_set(&err, RC_REFUSED, "%s", bearer_problem(e->bearer));
	if (rc != RC_OK) {
		add(e, REMARK_ERROR, "token",
		    bearer_may_change(e->bearer) && !grant_db(e->patient.world)
			    ? "mend what 'state open' says; where there is none yet, 'hs2cert connect' makes it"
		    : bearer_may_change(e->bearer)
			    ? "run 'hs2cert connect' for it"
			    : "give it to this command as 'hs2cert run' has it",
		    err.text);
		return;
	}
	begin_reads(e, &ops_of(e)->reads, ops_of(e)->open(&e->patient));
}

static void begin_names(struct doctor *d, struct exam *e)
{
	const struct names_ops *ops = registry_names(account_of(e)->type);

	end_reads(e);
	e->names = true;
	(void)lock_add_account(&d->lock, account_of(e)->name, account_of(e)->type);
	begin_reads(e, &ops->reads, ops->open(account_of(e), e->bearer, &d->lock));
}

/* How bad the scopes were found: a name that cannot be read for want of one is no worse. */
static enum remark_level scopes_level(const struct exam *e)
{
	enum remark_level level = REMARK_OK;

	for (size_t i = 0; i < e->found.count; i++)
		if (strcmp(e->found.list[i].check, "scopes") == 0 && e->found.list[i].level > level)
			level = e->found.list[i].level;
	return level;
}

static void names_failed(struct doctor *d, struct exam *e, enum rc rc, const struct err *why)
{
	enum remark_level scopes = rc == RC_REFUSED ? scopes_level(e) : REMARK_OK;

	lock_drop_account(&d->lock, account_of(e)->name);
	if (scopes == REMARK_OK)
		add(e, REMARK_ERROR, "names",
		    rc == RC_REFUSED ? "give the token what it lacks" : try_again, why->text);
	else
		add(e, scopes, "names", NULL, why->text);
}

/* Where nothing was read at all, the account itself is the matter. */
static void exam_failed(struct doctor *d, struct exam *e, enum rc rc, const struct err *why)
{
	end_reads(e);
	if (e->names)
		names_failed(d, e, rc, why);
	else if (rc == RC_REFUSED)
		add(e, REMARK_ERROR, "token",
		    bearer_may_change(e->bearer)
			    ? "run 'hs2cert connect' for it"
			    : "make a token and put it where the account's `token` says",
		    why->text);
	else
		add(e, REMARK_ERROR, "answer", try_again, why->text);
}

/* True where it goes on at once. */
static bool exam_step(struct doctor *d, struct exam *e)
{
	struct err err;
	bool done;

	if (!e->reading)
		return false;
	enum rc rc = reading_step(e->reading, &done, &err);
	if (rc != RC_OK) {
		exam_failed(d, e, rc, &err);
		return false;
	}
	if (!done)
		return false;
	if (!e->names) {
		begin_names(d, e);
		return true;
	}
	end_reads(e);
	return false;
}

/* ---- all of them ------------------------------------------------------------------- */

struct doctor *doctor_new(const struct world *world, const struct table *table, bool rules)
{
	struct doctor *d = mem_alloc(sizeof(*d));

	d->world = world;
	d->table = table;
	lock_init(&d->lock);
	d->exam = mem_alloc((table->n_account + 1) * sizeof(*d->exam));
	for (size_t i = 0; i < table->n_account; i++) {
		struct exam *e = &d->exam[i];
		remarks_init(&e->found);
		remarks_init(&e->aside);
		e->bearer = bearer_new(world);
		e->vitals = (struct vitals){ .rate_max = HTTP_ABSENT,
					     .rate_left = HTTP_ABSENT,
					     .rate_interval_ms = HTTP_ABSENT,
					     .day_max = HTTP_ABSENT,
					     .day_left = HTTP_ABSENT };
		e->patient = (struct patient){ .world = world,
					       .table = table,
					       .account = (uint32_t)i,
					       .rules = rules,
					       .bearer = e->bearer,
					       .out = &e->found };
		exam_begin(e);
	}
	return d;
}

void doctor_free(struct doctor *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->table->n_account; i++) {
		end_reads(&d->exam[i]);
		bearer_free(d->exam[i].bearer);
		reading_free(d->exam[i].beside);
		remarks_release(&d->exam[i].found);
		remarks_release(&d->exam[i].aside);
	}
	mem_free(d->exam);
	lock_release(&d->lock);
	mem_free(d);
}

/* What is said of an account once everything of it was heard. */
static void conclude(struct doctor *d)
{
	d->finished = true;
	lock_finish(&d->lock);
	for (size_t i = 0; i < d->table->n_account; i++) {
		struct exam *e = &d->exam[i];
		const struct lock_account *a = lock_account(&d->lock, account_of(e)->name);
		if (!e->names)
			continue;
		tell_clock(e);
		ops_of(e)->limits(&e->patient, &e->vitals);
		if (a)
			tell_counts(e, a);
	}
}

void doctor_step(struct doctor *d, bool *done)
{
	*done = true;
	for (size_t i = 0; i < d->table->n_account; i++) {
		while (exam_step(d, &d->exam[i]))
			;
		step_beside(&d->exam[i]);
		*done = *done && !d->exam[i].reading && !d->exam[i].beside;
	}
	if (*done && !d->finished)
		conclude(d);
}

int64_t doctor_wake_ms(const struct doctor *d)
{
	int64_t wake = INT64_MAX;

	for (size_t i = 0; i < d->table->n_account; i++) {
		const struct reading *both[] = { d->exam[i].reading, d->exam[i].beside };
		for (size_t k = 0; k < 2; k++)
			if (both[k] && reading_wake_ms(both[k]) < wake)
				wake = reading_wake_ms(both[k]);
	}
	return wake;
}

void doctor_tell(const struct doctor *d, struct remarks *out)
{
	for (size_t i = 0; i < d->table->n_account; i++) {
		remarks_append(out, &d->exam[i].found);
		remarks_append(out, &d->exam[i].aside);
	}
}

const struct lock *doctor_lock(const struct doctor *d)
{
	return &d->lock;
}
