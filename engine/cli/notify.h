/*
 * notify - tells the service manager how it goes, as sd_notify(3) says: a datagram of lines NAME=VALUE to
 * the socket in $NOTIFY_SOCKET. Our own few lines, because libsystemd is much to link for that.
 *
 * Where there is no such socket, nothing is told. What cannot be told is no error: the manager notices.
 */
#ifndef ENGINE_CLI_NOTIFY_H
#define ENGINE_CLI_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
	int fd; /* -1: nobody listens */
	/* Where to: named anew each time, because the manager may begin anew behind it. */
	struct sockaddr_un to;
	socklen_t to_len;
	int64_t watchdog_ms; /* how often it gets a sign of life; 0: it wants none */
	int64_t next_ms;     /* when the next is due, by the clock of `notify_alive` */
};

/* Reads $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID, and takes them out of the environment. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);

/* Ready, or ready again after notify_reloading; `status` is what people are shown. */
void notify_ready(const struct notify *n, const char *status);
void notify_reloading(const struct notify *n);
void notify_stopping(const struct notify *n);

/*
 * A sign of life, where one is due: asked on each turn of the loop. Answers when the next is due;
 * INT64_MAX: never.
 */
int64_t notify_alive(struct notify *n, int64_t mono_ms);

#endif
