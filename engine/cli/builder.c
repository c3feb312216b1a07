/*
 * Invariants
 *  1. What is built belongs to the thread until BUILT, to the loop until LEFT, then to the thread again.
 *
 *   IDLE -> BUILDING   builder_begin       the loop starts the thread
 *   BUILDING -> BUILT  work                the thread tells the loop, and waits
 *   BUILT -> LEFT      builder_give        the loop has swapped; also builder_free
 *   LEFT -> GONE       work                all is freed, the thread ends
 *   GONE -> IDLE       builder_is_free     the loop joins it; also builder_free
 */
#include "engine/cli/builder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"

enum phase { IDLE, BUILDING, BUILT, LEFT, GONE };

struct builder {
	char *rules; /* folder */
	const struct log *log;
	int event; /* brings the loop a turn, no more */
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t left;
	enum phase phase;
	bool ends; /* nobody will take what is built */
	struct built built;
	struct table *old;
};

/* ---- the thread ------------------------------------------------------------- */

/* The loop gets a turn, and sees it. */
static void announce(struct builder *b, enum phase phase)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&b->lock);
	b->phase = phase;
	pthread_mutex_unlock(&b->lock);
	(void)!write(b->event, &one, sizeof(one));
}

static void wait_for_the_swap(struct builder *b)
{
	pthread_mutex_lock(&b->lock);
	while (b->phase == BUILT && !b->ends)
		pthread_cond_wait(&b->left, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

static void *work(void *arg)
{
	struct builder *b = arg;

	b->built.table = ground_table(b->rules, &b->built.findings, &b->built.err);
	clock_keep_zone(false);
	announce(b, BUILT);
	wait_for_the_swap(b);
	table_unref(b->built.table);
	table_unref(b->old);
	ground_findings_release(&b->built.findings);
	/* Reading rules takes several times what their table holds. */
	mem_give_back();
	announce(b, GONE);
	return NULL;
}

/* ---- the loop --------------------------------------------------------------- */

struct builder *builder_new(const char *rules, const struct log *log, struct err *err)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (event < 0) {
		(void)err_set(err, RC_BROKEN, "cannot watch for new rules: %s", strerror(errno));
		return NULL;
	}
	struct builder *b = mem_alloc(sizeof(*b));
	b->rules = mem_strdup(rules);
	b->log = log;
	b->event = event;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->left, NULL);
	return b;
}

static enum phase phase_of(struct builder *b)
{
	pthread_mutex_lock(&b->lock);
	enum phase phase = b->phase;
	pthread_mutex_unlock(&b->lock);
	return phase;
}

bool builder_is_free(struct builder *b)
{
	enum phase phase = phase_of(b);

	if (phase == GONE) {
		pthread_join(b->thread, NULL);
		phase = b->phase = IDLE;
	}
	return phase == IDLE;
}

static void hear(struct builder *b)
{
	uint64_t told;

	(void)!read(b->event, &told, sizeof(told));
}

bool builder_free(struct builder *b, int patience_ms)
{
	if (!b)
		return true;
	struct pollfd on = { .fd = b->event, .events = POLLIN };
	pthread_mutex_lock(&b->lock);
	b->ends = true;
	pthread_cond_signal(&b->left);
	pthread_mutex_unlock(&b->lock);
	while (!builder_is_free(b)) {
		if (poll(&on, 1, patience_ms) == 0)
			return false;
		hear(b);
	}
	pthread_cond_destroy(&b->left);
	pthread_mutex_destroy(&b->lock);
	close(b->event);
	mem_free(b->rules);
	mem_free(b);
	return true;
}

int builder_fd(const struct builder *b)
{
	return b->event;
}

enum rc builder_begin(struct builder *b, struct err *err)
{
	sigset_t all, ours;

	b->built = (struct built){ 0 };
	b->old = NULL;
	ground_findings_init(&b->built.findings, b->log);
	b->phase = BUILDING;
	clock_keep_zone(
		true); /* rules name days; the page of a contact may want those of another zone */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &ours);
	int failed = pthread_create(&b->thread, NULL, work, b);
	pthread_sigmask(SIG_SETMASK, &ours, NULL);
	if (!failed)
		return RC_OK;
	b->phase = IDLE;
	clock_keep_zone(false);
	return err_set(err, RC_AGAIN, "no thread to compile the rules on: %s", strerror(failed));
}

struct built *builder_take(struct builder *b)
{
	hear(b);
	return phase_of(b) == BUILT ? &b->built : NULL;
}

void builder_give(struct builder *b, struct table *old)
{
	pthread_mutex_lock(&b->lock);
	b->old = old;
	b->phase = LEFT;
	pthread_cond_signal(&b->left);
	pthread_mutex_unlock(&b->lock);
}
