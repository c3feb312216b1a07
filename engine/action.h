/*
 * action - what the outbox knows of a service that issues credentials.
 *
 * An action turns an issuance into the next request, and an answer into a
 * verdict. It keeps no state of issuances, sends nothing and writes nothing:
 * the outbox does (engine/outbox.c). One row in engine/registry.c for each.
 */
#ifndef ENGINE_ACTION_H
#define ENGINE_ACTION_H

#include "base/arena.h"
#include "base/err.h"
#include "dsl/table.h"
#include "engine/http.h"
#include "engine/issuance.h"

struct action; /* one account's: base URL, token, what was learnt at the start */

/*
 * The next request for an issuance. A write is preceded by a commit of state
 * `doing`; a settling read is not, it only finds out what a write did.
 */
struct step {
	bool write;
	enum issuance_state doing; /* STATE_CREATING, STATE_ISSUING, STATE_SENDING */
	struct http_request request;
};

/* Who is affected beside this issuance. */
enum verdict_scope {
	SCOPE_ISSUANCE,
	SCOPE_ACCOUNT_STOP, /* 401, 403: no further request until reload, restart or a new secret */
	SCOPE_ACCOUNT_WAIT, /* 429, no connection: nothing of this account before wait_ms */
	SCOPE_ACCOUNT_HOLD, /* 402: every issuance of the workspace is held */
	SCOPE_GROUP_HOLD,   /* unknown group: every issuance of the group is held */
};

/* The reason of a verdict by which an issue of which nobody knew how it ended counts as not done. */
#define VERDICT_NOT_ISSUED "read back: not issued yet"

struct verdict {
	enum issuance_state state; /* to commit now */
	enum issuance_state
		held_from; /* with STATE_HELD and STATE_REFUSED: the state to go on from */
	enum verdict_scope scope;
	const char *reason; /* one line for people, or NULL; never an address or a token */
	bool again;	    /* a temporary failure: back off, `wait_ms` wins where it is longer */
	int64_t wait_ms;    /* 0: the next step may follow at once */
	const char *credential; /* newly learnt, else NULL */
	const char *public_url;
	bool settled_again; /* a look-up that must go on: counts one more settle */
	const char *cursor; /* its next page, or NULL */
};

/* What creates that were repeated may have left: engine/sweep.h. */
struct stray {
	/* As it was created: group, fields, attempt_ms (the first such create); cursor: the next page. */
	struct issuance is;
	int64_t until_ms;   /* our clock: what was created later is not meant */
	const char *remove; /* a draft that the last look found, or NULL: look for one */
};

/* What an action may ask while it judges. */
struct action_view {
	void *ctx;
	/* Whether some other issuance holds this credential id. */
	bool (*credential_held)(void *ctx, const char *credential);
	/*
	 * Whether another issuance of this group and address, of whose create nobody knows how it
	 * ended, sent this value of a field: then what carries it may be that one's. Never asked in a
	 * sweep, where it is NULL.
	 */
	bool (*sent_elsewhere)(void *ctx, const char *field, struct slice value);
	int64_t now_ms; /* wall clock */
	/*
	 * When the request left, and the answer's Date where it has one: the service's clock
	 * is now_ms + (date - now).
	 */
	int64_t started_ms;
};

/* A credential as the service shows it. Texts live where the page lives. */
struct credential {
	const char *id, *public_url; /* public_url NULL where there is none */
	const char *group;
	bool draft;
	int64_t created_ms; /* the service's clock */
	struct json *
		fields; /* as struct issuance has them; what the service does not show is left out */
};

/* What the answer to a request for a page of credentials comes to. */
struct page {
	bool good;
	/*
	 * Where it is not: SCOPE_ACCOUNT_STOP, SCOPE_ACCOUNT_WAIT, or SCOPE_ISSUANCE where this request
	 * is refused, and may be again: perhaps its cursor has run out, or nobody pays for it.
	 */
	enum verdict_scope scope;
	const char *reason;	       /* one line for people; no address, no token */
	int64_t wait_ms;	       /* 0: a back-off */
	struct credential *credential; /* newest first */
	size_t count;
	const char *next; /* where the next page is; NULL: this is the last */
};

struct action_ops {
	const char *type; /* the account's type in the rule files */

	/* `token` is copied and wiped on close. */
	struct action *(*open)(const struct account *account, struct slice token);
	void (*close)(struct action *action);

	/*
	 * The step that takes the issuance on, from its state: planned, draft and
	 * issued give writes, creating and issuing give reads that settle. Never
	 * called for other states (a sending without a request under way is
	 * parked by the outbox). What is built lives in `memory`.
	 */
	void (*step)(struct action *action, const struct issuance *is, struct arena *memory,
		     struct step *out);
	/*
	 * What the answer means. Texts live in `memory`. Called for every end of a request,
	 * also for HTTP_UNKNOWN and HTTP_NOT_SENT.
	 */
	void (*verdict)(struct action *action, const struct issuance *is, const struct step *step,
			const struct http_response *response, const struct action_view *view,
			struct arena *memory, struct verdict *out);

	/* The request that looks for the next stray draft, or removes the one that was found. */
	void (*sweep_step)(struct action *action, const struct stray *stray, struct arena *memory,
			   struct http_request *out);
	/*
	 * After a look: `credential` is what to remove, else `cursor` the next page, else nothing
	 * is there. After a removal: no reason is done, a reason without `again` is a refusal.
	 */
	void (*sweep_verdict)(struct action *action, const struct stray *stray,
			      const struct http_response *response, const struct action_view *view,
			      struct arena *memory, struct verdict *out);

	/*
	 * Checks once at start and after a reload: false when there is nothing
	 * more to ask. An answer that is not usable ends the probe with a text
	 * in probe_problem (NULL when fine).
	 */
	bool (*probe_next)(struct action *action, struct arena *memory, struct http_request *out);
	void (*probe_answer)(struct action *action, const struct http_response *response);
	const char *(*probe_problem)(const struct action *action);
	/*
	 * A page of all credentials there are, newest first: the first (cursor NULL), or the
	 * one that page->next named. What is built lives in `memory`.
	 */
	void (*newest)(struct action *action, const char *cursor, struct arena *memory,
		       struct http_request *out);
	/* What came. Texts live in `memory`; each credential's fields are to be freed with json_free. */
	void (*page)(struct action *action, const char *cursor,
		     const struct http_response *response, struct arena *memory, struct page *out);
	/* After a good probe: says, rule by rule, which group or attribute does not exist. */
	void (*probe_report)(const struct action *action, const struct rule *rule,
			     void (*say)(void *ctx, const char *text), void *ctx);
};

#endif
