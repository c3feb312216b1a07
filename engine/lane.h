/*
 * lane - one action account in the outbox: its service, its budget, its
 * failures. For engine/outbox.c only.
 */
#ifndef ENGINE_LANE_H
#define ENGINE_LANE_H

#include "engine/action.h"
#include "engine/report.h"
#include "engine/world.h"

struct outbox;
struct sweep;
struct restored;

/* An opened account, from one load to the next; it keeps alive the table that it came from. */
struct service {
	struct action *action;
	const struct action_ops *ops;
	struct table *table;
	int refs; /* the lane, and each request under way */
};

struct service *service_ref(struct service *s);
void service_unref(struct service *s); /* NULL does nothing */

struct lane {
	struct outbox *outbox;
	const struct world *world;
	char *name;
	struct service *service; /* NULL: the account is not declared now, or has no secret */
	struct table *table;	 /* lent; as account */
	const struct account *account;
	uint32_t account_index;
	struct str token;
	double per_second;
	int64_t next_request_ms; /* monotonic: the bucket, one token at a time */
	int64_t wait_until_ms;	 /* monotonic: after a failure of the account */
	int64_t failures;
	bool stopped;
	bool probing, probed;
	size_t in_flight;
	struct sweep *sweep;
	struct restored *restored;
	/* The service's clock: what its last Date said, and when that came (monotonic). */
	int64_t date_ms, date_mono_ms; /* date_ms HTTP_ABSENT: none has come */
	struct calls calls;
	struct lane *next;
};

struct lane *lane_new(struct outbox *outbox, const struct world *world, const char *name);
void lane_free(struct lane *lane);
/* Takes the account at `index` of the table into use; stops the lane where its secret is missing. */
void lane_load(struct lane *lane, struct table *table, uint32_t index);
/* The account is not declared (now). What is under way goes on. */
void lane_unload(struct lane *lane);
/* No further request until a load or another secret. */
void lane_stop(struct lane *lane, const char *why);
/* Goes on where it was stopped and its secret has changed. */
void lane_look_at_secret(struct lane *lane);
/* What a verdict means for the whole account: it stops, waits, or works. */
void lane_judge(struct lane *lane, const struct verdict *v);
/* Its account is declared and works, and a request may leave now. */
bool lane_is_free(const struct lane *lane);
/* A request has ended: it is counted, and an answer's Date tells the service's clock. */
void lane_note_end(struct lane *lane, const struct http_response *response);
/* An issuance has changed in the store: counted where it was issued by it. */
void lane_note_change(const struct lane *lane, const struct issuance *before,
		      const struct issuance *after);
/* The same, in the log: what the verdict made of it. */
void lane_tell_verdict(const struct lane *lane, const struct issuance *before,
		       const struct issuance *after, const struct verdict *v);
/* What its rules name and the service does not have, in the log. */
void lane_report_probe(struct lane *lane);
/* Fills in what it knows of its account. */
void lane_report(const struct lane *lane, struct account_report *out);
/* "Now" by the service's clock; by ours as long as no answer told it. */
int64_t lane_service_ms(const struct lane *lane);
bool lane_knows_service_ms(const struct lane *lane);
/* One token of the bucket is spent. */
void lane_spend(struct lane *lane);

#endif
