/*
 * wire - the real client code on real sockets, against a server that misbehaves
 * at the level of bytes: for every behaviour and every call, what the client must
 * report, and that the ledger is right after it.
 *
 * Time is virtual: waits and back-offs pass at once, only answers that never come
 * cost milliseconds. The sandbox is the truth; the server stands before it.
 *
 *   behaviours.c  the table: what the server does
 *   server.c      the server, on raw sockets, carried by the client's own loop
 *   life.c        one engine's life, in which one call meets one behaviour
 *   judge.c       what must have come of it: behaviour.md, "Issuing"
 */
#ifndef TESTS_WIRE_WIRE_H
#define TESTS_WIRE_WIRE_H

#include "engine/net.h"
#include "engine/sandbox/sandbox.h"
#include "engine/store/db.h"

/* ---- calls --------------------------------------------------------------- */

enum call {
	CALL_CREATE,
	CALL_ISSUE,
	CALL_SEND,
	CALL_SEARCH_CREDENTIALS,
	CALL_GET_CREDENTIAL,
	CALL_GROUPS,
	CALL_ATTRIBUTES,
	CALL_SEARCH,
	CALL_READ,
	CALL_LIST_SEARCH,
	CALL_LIST,
	CALL_MEMBERSHIPS,
	CALL_PROPERTIES,
	CALLS
};

extern const char *const call_names[CALLS];
enum call call_of(const char *method, const char *path);

static inline bool call_writes(enum call call)
{
	return call <= CALL_SEND;
}

static inline bool call_is_certifiers(enum call call)
{
	return call <= CALL_ATTRIBUTES;
}

/* ---- behaviours ------------------------------------------------------------ */

enum ending { KEEP, FIN, RST, HANG };
enum moment { AT_REQUEST, AT_HEADERS, AT_ACCEPT, AT_CONNECT };
enum carried { NEVER, ALWAYS, EITHER }; /* is the call carried out before the answer? */
enum what { GOOD, USELESS };		/* may the body of a 2xx be believed? */

/*
 * `text`, then `unit` until `flood` bytes, then `tail`. In the texts $S is the
 * sandbox's status, $B its body, $N the body's length ($X: in hex, $M: ten more,
 * $L: ten less), $H its first half, $R all but its first byte, $O the body with the id of
 * another credential, $P the port where nobody may come.
 */
struct behaviour {
	const char *name;
	enum carried carried;
	const char *text;
	enum ending ending;
	enum http_outcome outcome;
	int status; /* 0: the sandbox's own */
	enum what what;
	enum moment moment;
	const char *unit, *tail;
	size_t flood;
	bool byte_by_byte;
	bool or_not_sent; /* … or HTTP_NOT_SENT, where the client learns of it in time */
	int64_t wait_ms;  /* how long the account must be left alone after it */
	int skip;	  /* so many such calls pass first */
	unsigned calls;	  /* bits of the calls that it makes sense for; 0: all */
};

extern const struct behaviour behaviours[];
extern const size_t n_behaviours;

/* ---- the server ------------------------------------------------------------- */

#define CONNECTIONS 16

struct connection {
	int fd;
	bool faulty; /* it came in at the port of the misbehaviour */
	struct str in, out;
	size_t done, flood;
	bool tail_done;
	const struct behaviour *fault; /* that is being acted out */
	struct sandbox_answer answer;
	bool answered;
	enum ending ending;
};

struct wire_server {
	int epoll;
	int good, bad, closed, elsewhere; /* listening, but for `closed` */
	int good_port, bad_port, closed_port, elsewhere_port;
	struct connection connection[CONNECTIONS];
	/* of the life that is lived now */
	struct sandbox *sandbox;
	const int64_t *now_ms;
	const struct behaviour *fault;
	bool carry_out;
	int misbehaved;	   /* requests that met it */
	int strayed;	   /* connections at `elsewhere` */
	char asked_id[65]; /* the credential in the path of the last request */
	char other_id[65]; /* the first credential that was created */
};

void wire_server_start(struct wire_server *s);
void wire_server_stop(struct wire_server *s);
void wire_server_ready(void *arg); /* for net_watch of epoll */

/* ---- one life ------------------------------------------------------------------ */

struct table;

struct life {
	struct net *net;
	struct wire_server *server;
	struct table *table;
	struct world real, world;
	struct log log;
	struct db *db;
	struct sandbox *sandbox;
	int64_t now_ms;
	uint64_t random;
	int64_t hang_ms; /* how long the client waits for what never comes */
	struct carried_request *under_way;

	const struct behaviour *fault;
	enum call call;
	bool carry_out;
	bool armed;
	int skip;
	int launches[CALLS];
	/* what the client reported of the faulted request */
	bool met;
	enum http_outcome outcome;
	int status;
	int64_t met_ms; /* when; and when the same service was asked again: 0: never */
	int64_t asked_again_ms;
};

/* Lives it: activation, two events, the fault, a restart. False with what went wrong in `why`. */
bool life_live(struct life *l, struct str *why);
void life_end(struct life *l);
bool life_judge(struct life *l, struct str *why);

#endif
