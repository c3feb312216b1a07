#include "engine/cli/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_BYTES 1024
#define SEND_S 2 /* a manager that does not read must not stop us */

/* A name that begins with @ is one of the abstract kind. */
static void address(struct notify *n, const char *name)
{
	const struct timeval patience = { .tv_sec = SEND_S };
	size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len >= sizeof(n->to.sun_path))
		return;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, name, len);
	if (name[0] == '@')
		n->to.sun_path[0] = '\0';
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd >= 0)
		(void)setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

/* The whole number in a variable, or 0. */
static int64_t number_in(const char *variable)
{
	const char *text = getenv(variable);
	char *end;

	if (!text || !text[0])
		return 0;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	return errno || *end || n < 0 ? 0 : n;
}

void notify_open(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int64_t usec = number_in("WATCHDOG_USEC"), pid = number_in("WATCHDOG_PID");

	*n = (struct notify){ .fd = -1 };
	if (name)
		address(n, name);
	/* Half of what it allows, as sd_watchdog_enabled(3) advises. */
	if (n->fd >= 0 && (pid == 0 || pid == getpid()))
		n->watchdog_ms = usec / 2000;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_close(struct notify *n)
{
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

static void tell(const struct notify *n, const char *message)
{
	if (n->fd >= 0)
		(void)sendto(n->fd, message, strlen(message), MSG_NOSIGNAL,
			     (const struct sockaddr *)&n->to, n->to_len);
}

void notify_ready(const struct notify *n, const char *status)
{
	char message[MESSAGE_BYTES];

	snprintf(message, sizeof(message), "READY=1\nSTATUS=%s", status);
	tell(n, message);
}

/* The time is by CLOCK_MONOTONIC: the manager tells by it which reload is meant. */
void notify_reloading(const struct notify *n)
{
	struct timespec now;
	char message[80];

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell(n, message);
}

void notify_stopping(const struct notify *n)
{
	tell(n, "STOPPING=1\nSTATUS=requests in flight get their answer");
}

int64_t notify_alive(struct notify *n, int64_t mono_ms)
{
	if (n->watchdog_ms == 0)
		return INT64_MAX;
	if (mono_ms >= n->next_ms) {
		tell(n, "WATCHDOG=1");
		n->next_ms = mono_ms + n->watchdog_ms;
	}
	return n->next_ms;
}
