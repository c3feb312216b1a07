#include "engine/cli/daemon.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/net.h"
#include "engine/store/db.h"

#define RELOAD_MS MS_MINUTE	  /* it compiles every rule */
#define ANSWER_MS (3 * MS_SECOND) /* a health check is not to hang with the daemon */

bool daemon_place(const struct cli *cli, struct admin_place *out, bool *given)
{
	const char *state = cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db");
	const char *place = cli_value_or(cli, "admin", "HS2CERT_ADMIN", NULL);
	struct str beside;

	*given = place != NULL;
	str_init(&beside, sizeof(out->text));
	if (strncmp(state, "sqlite:", 7) == 0)
		state += 7;
	str_addf(&beside, "%s.sock", state);
	bool fits = admin_place_of(place ? place : str_text(&beside), out);
	if (!place)
		out->kind = ADMIN_PATH;
	str_release(&beside);
	if (!fits)
		cli_usage(cli, "--admin: the path is too long");
	return fits;
}

enum rc daemon_token(const struct world *world, struct str *out, struct err *err)
{
	const char *file = getenv(DAEMON_TOKEN "_FILE");
	struct secret secret = { SECRET_ENV, DAEMON_TOKEN };

	if (file && file[0])
		secret = (struct secret){ SECRET_FILE, file };
	return world->secret(world->ctx, &secret, out, err);
}

/* ---- one question ------------------------------------------------------------ */

struct question {
	bool answered;
	enum http_outcome outcome;
	int status;
	struct str *body;
	char problem[LIMIT_ERROR_BYTES];
};

static void answered(void *arg, const struct http_response *r)
{
	struct question *q = arg;

	q->answered = true;
	q->outcome = r->outcome;
	q->status = r->status;
	if (r->outcome == HTTP_ANSWER)
		str_add_slice(q->body, r->body);
	else
		snprintf(q->problem, sizeof(q->problem), "%s", r->problem);
}

static enum rc wait_for(struct net *net, const struct question *q, struct err *err)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && !q->answered)
		rc = net_turn(net, -1, err);
	if (rc != RC_OK)
		return rc;
	if (q->outcome == HTTP_NOT_SENT)
		return err_set(err, RC_REFUSED, "%s", q->problem);
	if (q->outcome != HTTP_ANSWER)
		return err_set(err, RC_BROKEN, "%s", q->problem);
	return RC_OK;
}

static enum rc ask(struct net *net, const struct admin_place *place, const char *method,
		   const char *path, struct question *q, struct err *err)
{
	bool post = strcmp(method, "POST") == 0;
	struct world world = { 0 };
	struct str url, token;
	enum rc rc = RC_OK;

	net_world(net, &world);
	str_init(&url, LIMIT_URL_BYTES);
	str_init(&token, LIMIT_SECRET_BYTES);
	str_addf(&url, "http://%s%s", place->kind == ADMIN_PATH ? "localhost" : place->text, path);
	/* A daemon may well be there: what is wrong is on our side. */
	if (place->kind == ADMIN_ADDRESS && daemon_token(&world, &token, err) != RC_OK)
		rc = RC_INVALID;
	struct http_request request = {
		.method = method,
		.url = str_text(&url),
		.socket = place->kind == ADMIN_PATH ? place->text : NULL,
		.bearer = token.len ? str_text(&token) : NULL,
		.header = { post ? "Content-Type: application/json" : NULL },
		.has_body = post,
		.fresh = true,
		.timeout_ms = post ? RELOAD_MS : ANSWER_MS,
	};
	if (rc == RC_OK) {
		world.http_start(world.ctx, &request, answered, q);
		rc = wait_for(net, q, err);
	}
	str_wipe(&token);
	str_release(&url);
	return rc;
}

/* The socket is there, or may be, for somebody else: whoever asks as another user is not told that there is none. */
static bool is_barred(const char *path, struct err *err)
{
	struct str folder;
	struct stat is;

	if (access(path, W_OK) == 0 || errno != EACCES)
		return false;
	const char *end = strrchr(path, '/');
	str_init(&folder, LIMIT_URL_BYTES);
	str_addf(&folder, "%.*s", end ? (int)(end - path) + 1 : 1, end ? path : ".");
	bool known = stat(path, &is) == 0 || stat(str_text(&folder), &is) == 0;
	const struct passwd *user = known ? getpwuid(is.st_uid) : NULL;
	(void)err_set(err, RC_BROKEN, "'%s' is not for this user (Permission denied)%s%s%s", path,
		      user ? ": run it as '" : "", user ? user->pw_name : "", user ? "'" : "");
	str_release(&folder);
	return true;
}

/* At a place where nobody listens there may be one all the same, by whom the state is locked. */
static enum rc explain_absence(const char *state, const struct admin_place *place, struct err *err)
{
	int pid = db_owner(state);

	if (pid)
		return err_set(
			err, RC_BROKEN,
			"pid %d runs on '%s', but nobody listens at '%s': --admin says where it does, if anywhere",
			pid, state, place->text);
	return err_set(err, RC_REFUSED, "nobody listens at '%s'", place->text);
}

/* There it is, and says nothing. */
static enum rc explain_silence(const char *state, const struct admin_place *place, struct err *err)
{
	const struct err why = *err;
	int pid = db_owner(state);

	if (pid)
		return err_set(err, RC_BROKEN, "pid %d runs, and does not answer at '%s': %s", pid,
			       place->text, why.text);
	return err_set(err, RC_BROKEN, "'%s': %s", place->text, why.text);
}

enum rc daemon_ask(const struct cli *cli, const char *method, const char *path, int *status,
		   struct str *body, struct err *err)
{
	const char *state = cli_value_or(cli, "state", "HS2CERT_STATE", "hs2cert.db");
	struct question q = { .body = body };
	struct admin_place place;
	struct stat is;
	bool given;

	if (!daemon_place(cli, &place, &given) || place.kind == ADMIN_OFF)
		return err_set(err, RC_REFUSED, "it has no admin endpoint");
	if (place.kind == ADMIN_PATH && is_barred(place.text, err))
		return RC_BROKEN;
	if (place.kind == ADMIN_PATH && stat(place.text, &is) != 0)
		return db_owner(state) ? explain_absence(state, &place, err)
				       : err_set(err, RC_REFUSED, "there is no '%s'", place.text);
	struct net *net = net_new(err);
	if (!net)
		return RC_BROKEN;
	enum rc rc = ask(net, &place, method, path, &q, err);
	if (rc == RC_REFUSED)
		rc = explain_absence(state, &place, err);
	else if (rc == RC_BROKEN)
		rc = explain_silence(state, &place, err);
	else if (rc != RC_OK)
		err_prefix(err, "'%s'", place.text);
	net_free(net);
	*status = q.status;
	return rc;
}
