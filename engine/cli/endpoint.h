/*
 * endpoint - the admin endpoint of `run`: where it listens, who may ask, and its place in the loop.
 */
#ifndef ENGINE_CLI_ENDPOINT_H
#define ENGINE_CLI_ENDPOINT_H

#include "engine/cli/daemon.h"
#include "engine/cli/ground.h"

struct endpoint {
	struct admin_scope scope;
	struct admin *admin; /* NULL: there is none */
	struct counts counts;
	struct admin_place place;
	bool given; /* somebody chose it */
	struct gate gate;
};

/* From --admin; before the engine is made: it counts for the endpoint. EXIT_FINE, else an exit status after a message. */
int endpoint_prepare(struct endpoint *e, struct ground *g);
/* Listens, once the engine has its rules. The same. */
int endpoint_open(struct endpoint *e, struct ground *g, const struct engine *engine);
/* The state was opened anew, and may be another file: where its view of it can be had, too. */
void endpoint_look_anew(struct endpoint *e, const struct ground *g);
void endpoint_close(struct endpoint *e); /* also where it was never opened */

/* In each turn of the loop. */
void endpoint_work(struct endpoint *e);
int64_t endpoint_wait_ms(const struct endpoint *e); /* INT64_MAX: as long as one likes */
bool endpoint_asks_reload(const struct endpoint *e);
/* One begins now, for all who have asked. */
void endpoint_begin_reload(struct endpoint *e);
/* A reload has ended; `reason` is NULL where it was not refused, or for the rules. */
void endpoint_tell_reload(struct endpoint *e, const struct ground_findings *findings, bool taken,
			  const char *reason);

/* There will be none any more: who waits is told. */
void endpoint_stop(struct endpoint *e);

#define ENDPOINT_OPTION_ADMIN                                                                                                        \
	{                                                                                                                            \
		"admin", "PLACE",                                                                                                    \
			"admin endpoint: a socket's path, ADDR:PORT or off (default: the state's path and .sock, or $HS2CERT_ADMIN)" \
	}
#define ENDPOINT_OPTION_HOSTS                                                                            \
	{                                                                                                \
		"admin-hosts", "NAME,…",                                                                 \
			"names by which the admin endpoint may be asked, beside localhost and addresses" \
	}

#endif
