/*
 * net - the world in production: network, clocks, chance and secrets.
 *
 * The one door to libcurl, and the process's one epoll loop. Requests are
 * carried side by side; `done` comes from net_turn and nowhere else. Not here:
 * what a request is for, and when it is tried again.
 *
 * Life without libcurl: another HTTP client behind net.c; this header stays.
 */
#ifndef ENGINE_NET_H
#define ENGINE_NET_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "engine/world.h"

struct net;

/*
 * One per process, which must ignore SIGPIPE: OpenSSL writes to sockets that may
 * be gone. NULL with err where the system or libcurl refuses.
 */
struct net *net_new(struct err *err) MUST_CHECK;
/* Requests under way are forgotten: their `done` is never called. NULL does nothing. */
void net_free(struct net *n);

/*
 * Fills ctx and every function of the world; db and log are the caller's. The
 * net must outlive the world. A secret that is a file is a path from the
 * working directory; one with control characters inside is refused.
 */
void net_world(struct net *n, struct world *world);

/*
 * Calls `ready` in net_turn whenever fd can be read. The fd stays the caller's
 * and must stay open as long as turns are made.
 */
void net_watch(struct net *n, int fd, void (*ready)(void *arg), void *arg);

/*
 * One turn: sleeps until something happens or timeout_ms have passed (-1: for
 * ever), then carries on what is under way and hands over the answers. May
 * end early with nothing to show. RC_BROKEN where the loop itself fails.
 */
enum rc net_turn(struct net *n, int64_t timeout_ms, struct err *err) MUST_CHECK;

/*
 * Requests begun from now on trust the authorities in this file (PEM). For tests, whose
 * authority nobody knows.
 */
void net_trust(struct net *n, const char *ca_file);

size_t net_in_flight(const struct net *n);

#endif
