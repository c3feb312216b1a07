/*
 * listen - `run --listen`: webhooks come in here, on the daemon's own loop.
 *
 * All requests that arrived in one turn are stored in one transaction, and answered after it. What
 * is not a webhook of some account is refused at once. Nothing here waits.
 */
#ifndef ENGINE_CLI_LISTEN_H
#define ENGINE_CLI_LISTEN_H

#include "engine/cli/ground.h"
#include "engine/engine.h"

struct listen;

/*
 * Binds what --listen says; *out is NULL where there is no such option. EXIT_FINE, else an exit
 * status after a message. Whoever connects waits until listen_begin.
 */
int listen_open(struct listen **out, struct ground *g);
/* From now on requests go to this engine, which is lent. Says in the log what is served; also for NULL, where that is nothing. */
void listen_begin(struct listen *l, const struct ground *g, struct engine *engine);
/* What arrived is judged, stored and answered. Once each turn of the loop. NULL does nothing. */
void listen_work(struct listen *l);
/* How long the loop may sleep; -1: as long as it likes. NULL likewise. */
int64_t listen_wait_ms(const struct listen *l);
void listen_close(struct listen *l); /* before the engine ends. NULL does nothing */

#endif
