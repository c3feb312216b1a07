/*
 * What a service manager is told, and what the process does for its own safety.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/cli/guard.h"
#include "engine/cli/notify.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct manager {
	char folder[32], name[48];
	int fd;
};

static void listen_at(struct manager *m, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t len = strlen(name);

	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(m->fd >= 0);
	assert_int_equal(bind(m->fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static int set_up(void **state)
{
	struct manager *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	strcpy(m->folder, "/tmp/hs2cert-service-XXXXXX");
	assert_non_null(mkdtemp(m->folder));
	snprintf(m->name, sizeof(m->name), "%s/notify", m->folder);
	m->fd = -1;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	struct manager *m = *state;

	if (m->fd >= 0)
		close(m->fd);
	unlink(m->name);
	rmdir(m->folder);
	free(m);
	return 0;
}

/* The next datagram, or "" where there is none. */
static const char *heard(struct manager *m)
{
	static char text[2048];
	ssize_t got = recv(m->fd, text, sizeof(text) - 1, 0);

	text[got > 0 ? got : 0] = '\0';
	return text;
}

static void lines_of_a_life(void **state)
{
	struct manager *m = *state;
	struct notify n;
	long long usec;
	char long_status[3000];

	listen_at(m, m->name);
	notify_open(&n);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_string_equal(heard(m), "");
	notify_ready(&n, "rules in force: 2");
	assert_string_equal(heard(m), "READY=1\nSTATUS=rules in force: 2");
	notify_reloading(&n);
	assert_int_equal(sscanf(heard(m), "RELOADING=1\nMONOTONIC_USEC=%lld", &usec), 1);
	assert_true(usec > 0);
	memset(long_status, 'x', sizeof(long_status) - 1);
	long_status[sizeof(long_status) - 1] = '\0';
	notify_ready(&n, long_status);
	assert_int_equal(strncmp(heard(m), "READY=1\nSTATUS=xxxx", 19), 0);
	notify_stopping(&n);
	assert_int_equal(strncmp(heard(m), "STOPPING=1\nSTATUS=", 18), 0);
	notify_close(&n);
	assert_int_equal(fcntl(n.fd, F_GETFD), -1);
}

static void an_abstract_socket(void **state)
{
	struct manager *m = *state;
	struct notify n;
	char name[64];

	snprintf(name, sizeof(name), "@hs2cert-test-%d", (int)getpid());
	listen_at(m, name);
	notify_open(&n);
	assert_int_equal(fcntl(n.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	notify_ready(&n, "x");
	assert_string_equal(heard(m), "READY=1\nSTATUS=x");
	notify_close(&n);
}

/* Nothing is told, and nothing goes wrong. */
static void nobody_to_tell(void **state)
{
	static const char *const names[] = { "", "relative", "vsock:2:1234", "/nowhere/at/all" };
	struct manager *m = *state;
	struct notify n;
	char long_name[200];

	notify_open(&n);
	assert_int_equal(n.fd, -1);
	notify_ready(&n, "x");
	assert_int_equal(notify_alive(&n, 5), INT64_MAX);
	notify_close(&n);
	for (size_t i = 0; i < COUNT(names); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		notify_open(&n);
		notify_ready(&n, "x");
		notify_stopping(&n);
		notify_close(&n);
	}
	memset(long_name, '/', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	setenv("NOTIFY_SOCKET", long_name, 1);
	notify_open(&n);
	assert_int_equal(n.fd, -1);
	/* A manager that went away, and one that came in its place. */
	listen_at(m, m->name);
	notify_open(&n);
	close(m->fd);
	unlink(m->name);
	notify_ready(&n, "x");
	listen_at(m, m->name);
	notify_ready(&n, "y");
	assert_string_equal(heard(m), "READY=1\nSTATUS=y");
	notify_close(&n);
}

static void open_with(struct manager *m, struct notify *n, const char *usec, const char *pid)
{
	setenv("NOTIFY_SOCKET", m->name, 1);
	setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	notify_open(n);
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
}

static void signs_of_life(void **state)
{
	static const char *const none[] = { "", "x", "12x", "-5", "99999999999999999999", "0" };
	struct manager *m = *state;
	struct notify n;
	char pid[24];

	listen_at(m, m->name);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	open_with(m, &n, "10000000", pid);
	assert_int_equal(notify_alive(&n, 1000), 6000);
	assert_string_equal(heard(m), "WATCHDOG=1");
	assert_int_equal(notify_alive(&n, 5999), 6000);
	assert_string_equal(heard(m), "");
	assert_int_equal(notify_alive(&n, 6000), 11000);
	assert_string_equal(heard(m), "WATCHDOG=1");
	notify_close(&n);
	open_with(m, &n, "10000000", NULL);
	assert_int_equal(notify_alive(&n, 0), 5000);
	notify_close(&n);
	open_with(m, &n, "10000000", "1");
	assert_int_equal(notify_alive(&n, 0), INT64_MAX);
	notify_close(&n);
	for (size_t i = 0; i < COUNT(none); i++) {
		open_with(m, &n, none[i], NULL);
		assert_int_equal(notify_alive(&n, 0), INT64_MAX);
		notify_close(&n);
	}
}

/* In a process of its own, because there is no way back. */
static int guarded(const char *path)
{
	struct rlimit core = { 1, 1 };
	struct stat st;

	umask(0);
	guard_process();
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	if (fd < 0 || fstat(fd, &st) != 0 || (st.st_mode & 0777) != 0600)
		return 1;
	close(fd);
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return 2;
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 3;
}

static void the_process_keeps_to_itself(void **state)
{
	struct manager *m = *state;
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(guarded(m->name));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(guard_is_root(), geteuid() == 0);
}

static void files_of_everybody(void **state)
{
	static const struct {
		mode_t mode;
		bool open;
	} rows[] = { { 0600, false }, { 0640, false }, { 0644, true }, { 0602, true } };
	struct manager *m = *state;

	assert_false(file_is_open(m->name));
	close(open(m->name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(chmod(m->name, rows[i].mode), 0);
		assert_int_equal(file_is_open(m->name), rows[i].open);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_of_a_life), TEST(an_abstract_socket), TEST(nobody_to_tell),
		TEST(signs_of_life),   TEST(files_of_everybody), TEST(the_process_keeps_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
