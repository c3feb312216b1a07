/*
 * backup - the steps of a scene in which a copy of the state is put back, and what a person does
 * about it.
 */
#include "tests/scenes/scene.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/reconcile.h"

#define AGAIN_MS (5 * MS_MINUTE) /* a reconcile that could not be done is tried again */
#define TRIES 20

enum rc backup_take(struct life *l, const struct node *what, struct err *err)
{
	(void)what;
	db_close(l->backup);
	return db_copy(l->sim.world.db, &l->backup, err);
}

/* `mark: lost`: on another machine, where nothing but the copy is left. */
enum rc backup_put_back(struct life *l, const struct node *what, struct err *err)
{
	struct db *old = l->sim.world.db;

	if (!l->backup)
		return err_set(err, RC_INVALID, "there is no backup");
	life_end_process(l);
	enum rc rc = db_copy(l->backup, &l->sim.world.db, err);
	if (rc != RC_OK)
		return rc;
	bool lost = what && node_is_text(node_get(what, "mark"), "lost");
	db_note_mark(l->sim.world.db, lost ? 0 : db_mark(old));
	db_close(old);
	life_hook(l);
	l->restores++;
	return life_restart(l) ? RC_OK : err_set(err, RC_INVALID, "restore-backup");
}

/* What the findings were, where no crash made it two reconciles. */
static enum rc check_findings(const struct reconcile *r, const struct node *what, struct err *err)
{
	const struct reconcile_report *report = reconcile_report(r);

	for (int k = 0; what && k < FOUND_KINDS; k++) {
		const struct node *n = node_get(what, finding_names[k]);
		if (n && (size_t)strtoll(n->text.ptr, NULL, 10) != report->of[k])
			return err_set(err, RC_INVALID, "%s: %zu, not %.*s", finding_names[k],
				       report->of[k], SLICE_FMT(n->text));
	}
	return RC_OK;
}

static enum rc reconcile_once(struct life *l, const struct node *what, struct err *err)
{
	bool exact = strcmp(l->variant->name, "plain") == 0;
	struct table *table = life_table(l);

	if (!table)
		return err_set(err, RC_INVALID, "the rules are wrong");
	struct reconcile *r = reconcile_new(&l->sim.world, table, NULL);
	enum rc rc = sim_reconcile(&l->sim, r, err);
	if (rc == RC_OK && exact)
		rc = check_findings(r, what, err);
	reconcile_free(r);
	sim_abandon(&l->sim);
	table_unref(table);
	return rc;
}

/* The process is down meanwhile. A crash, or a service that does not answer, and it is run again. */
enum rc backup_reconcile(struct life *l, const struct node *what, struct err *err)
{
	enum rc rc = RC_BROKEN;

	life_end_process(l);
	for (int i = 0; i < TRIES && rc != RC_OK && rc != RC_INVALID; i++) {
		rc = reconcile_once(l, what, err);
		if (rc == RC_REFUSED)
			l->sim.now_ms += AGAIN_MS;
		if (rc == RC_BROKEN && !life_crash_over(l))
			return rc;
	}
	if (rc != RC_OK)
		return rc;
	return life_restart(l) ? RC_OK : err_set(err, RC_INVALID, "reconcile");
}

static void take_member(const struct node *m, struct json *recipient, struct json *custom)
{
	if (slice_starts(m->key->text, slice_of("custom.")))
		json_set_slice(custom, m->key->text, m->text);
	else if (slice_is(m->key->text, "name") || slice_is(m->key->text, "email"))
		json_set_slice(recipient, m->key->text, m->text);
}

static enum rc issue_one(struct life *l, const struct node *what, struct err *err)
{
	struct json *body = json_new_object(), *recipient = json_new_object();
	struct json *custom = json_new_object();
	struct sandbox_answer answer;
	struct str text;
	bool draft = node_is_text(node_get(what, "draft"), "true");

	for (const struct node *m = what->first; m; m = m->next)
		take_member(m, recipient, custom);
	json_set_slice(body, slice_of("groupId"), node_get(what, "group")->text);
	json_set(body, "recipient", recipient);
	json_set(body, "customAttributes", custom);
	str_init(&text, LIMIT_ANSWER_BYTES);
	json_dump(body, &text);
	struct sandbox_request request = {
		.method = "POST",
		.path = draft ? "/certifier/v1/credentials"
			      : "/certifier/v1/credentials/create-issue-send",
		.query = "",
		.authorization = "Bearer by-hand",
		.certifier_version = "2022-10-26",
		.body = str_slice(&text),
	};
	sandbox_call(l->sandbox, l->sim.now_ms, &request, &answer);
	bool good = answer.status >= 200 && answer.status <= 299;
	if (!good)
		(void)err_set(err, RC_INVALID, "%d %.*s", answer.status,
			      SLICE_FMT(str_slice(&answer.body)));
	l->by_hand[!draft] += good;
	str_release(&answer.body);
	str_release(&text);
	json_free(body);
	return good ? RC_OK : RC_INVALID;
}

/* Somebody does it in the service's own pages, which have no rate limit, or by another program. */
enum rc backup_issue_by_hand(struct life *l, const struct node *what, struct err *err)
{
	int64_t times = node_get(what, "times") ? node_number(what, "times") : 1;
	bool *limits = &sandbox_options(l->sandbox)->rate_limits, were = *limits;
	enum rc rc = RC_OK;

	*limits = false;
	for (int64_t i = 0; rc == RC_OK && i < times; i++)
		rc = issue_one(l, what, err);
	*limits = were;
	return rc;
}
