/*
 * net - the production world: libcurl on one epoll loop, the kernel's clocks
 * and randomness, secrets from environment and files.
 *
 * Life without libcurl: another client behind http_start. Its ceilings: the
 * answer's size (LIMIT_ANSWER_BYTES), its headers (LIMIT_HEADER_BYTES in all),
 * the request's own time-out.
 */
#ifndef ENGINE_NET_H
#define ENGINE_NET_H

#include "engine/world.h"

struct net;

/* NULL with err where the kernel or libcurl refuses. */
struct net *net_new(struct err *err) MUST_CHECK;
/* Requests under way end without a word. NULL does nothing. */
void net_free(struct net *net);
/* Fills everything of `world` but db and log; lends `net`. */
void net_world(struct net *net, struct world *world);

/* `ready` is called from net_turn whenever fd can be read. At most NET_WATCHES of them. */
#define NET_WATCHES 8
void net_watch(struct net *net, int fd, void (*ready)(void *arg), void *arg);

/*
 * One turn: waits until something happens, at most timeout_ms (-1: for ever),
 * and brings the answers that came. RC_BROKEN where the kernel refuses.
 */
enum rc net_turn(struct net *net, int64_t timeout_ms, struct err *err) MUST_CHECK;
size_t net_in_flight(const struct net *net);

#endif
