/*
 * daemon - the running daemon, as other commands reach it: where its admin endpoint is, and one
 * question to it.
 */
#ifndef ENGINE_CLI_DAEMON_H
#define ENGINE_CLI_DAEMON_H

#include "engine/admin/admin.h"
#include "engine/cli/cli.h"

#define DAEMON_TOKEN "HS2CERT_ADMIN_TOKEN" /* or …_FILE: a path */

/*
 * --admin, else $HS2CERT_ADMIN, else a socket beside the state. *given: somebody said so. False after a
 * message.
 */
bool daemon_place(const struct cli *cli, struct admin_place *out, bool *given);
/* The token for TCP, from $HS2CERT_ADMIN_TOKEN or the file that $HS2CERT_ADMIN_TOKEN_FILE names. */
enum rc daemon_token(const struct world *world, struct str *out, struct err *err) MUST_CHECK;

/*
 * Asks the daemon and waits, for a POST a minute at most, else 3 seconds. RC_OK: it answered, *status and `body`
 * (initialised by the caller). RC_REFUSED: there is none. RC_INVALID: we have no token for it. RC_BROKEN:
 * whatever else; where one runs that listens elsewhere or does not answer, its pid is named.
 */
enum rc daemon_ask(const struct cli *cli, const char *method, const char *path, int *status,
		   struct str *body, struct err *err) MUST_CHECK;

#define DAEMON_OPTION_ADMIN                                                                                                               \
	{                                                                                                                                 \
		"admin", "PLACE",                                                                                                         \
			"where the daemon listens: a socket's path or ADDR:PORT (default: the state's path and .sock, or $HS2CERT_ADMIN)" \
	}

#endif
