/*
 * memory - an allocation of a process that lives in a scene finds no memory: `make nomem`, which preloads
 * tests/torture/nomem.c. It ends the process at once with one line and nothing written after it, or is borne.
 *
 * What counts is what the process allocates, its libraries too; what the sandbox and the disk in memory take is not.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/map.h"
#include "tests/disk/files.h"
#include "tests/scenes/torture.h"

static const char last_words[] = "hs2cert: out of memory\n";

static struct {
	struct life *l; /* whose process allocates just now; NULL: none of ours */
	bool asking;
	uint64_t made; /* so far in this life */
	uint64_t nth;  /* fails; 0: none */
	bool lasting, met, over;
	bool alone; /* a victim that survived it shares nothing any more */
	struct tortures *victim_of;
	int words;	  /* where a victim's last words go */
	uint64_t written; /* to the disk before it */
} m;

static uint64_t written(void)
{
	return disk_writes() + disk_syncs();
}

/* ---- paths ------------------------------------------------------------------ */

#define FRAMES_MOST 64	      /* of a stack */
#define PATHS_MOST (1u << 18) /* of a life … */
#define PROBES_MOST 64	      /* … as far as a path is soon found among them; else it is new */
static uint64_t been[PATHS_MOST];

/* By which calls the process came here, after what that is seen from outside: durable steps and requests. */
static uint64_t path_to_here(const struct life *l)
{
	void *frame[FRAMES_MOST];
	int depth = backtrace(frame, FRAMES_MOST);
	const uint64_t seen[] = { disk_syncs(), l->sim.started, (uint64_t)l->commits };

	return hash_bytes(hash_bytes(0, seen, sizeof(seen)), frame,
			  (size_t)depth * sizeof(frame[0]));
}

/* An allocation of a loop, or of a call that is repeated, with nothing between that is seen from outside, fails like the first. */
static bool is_new_path(const struct life *l)
{
	uint64_t path = path_to_here(l) | 1; /* 0 is none */
	size_t i = path % PATHS_MOST;

	for (size_t tries = 0; tries < PROBES_MOST && been[i]; tries++, i = (i + 1) % PATHS_MOST)
		if (been[i] == path)
			return false;
	if (!been[i])
		been[i] = path;
	return true;
}

static bool is_met(void)
{
	m.made++;
	if (!m.victim_of && m.l->variant->tortures && is_new_path(m.l))
		torture_here(m.l, AT_MEMORY, DISK_WELL, m.made);
	if (m.over || !m.nth || m.made < m.nth || (m.made > m.nth && !m.lasting))
		return false;
	return m.met = true;
}

static bool fails(void)
{
	if (!m.l || m.asking)
		return false;
	m.asking = true;
	if (m.victim_of)
		memory_survived();
	bool met = is_met();
	m.asking = false;
	return met;
}

void memory_begin(struct life *l)
{
	void (*ask)(bool (*)(void));

	*(void **)&ask = dlsym(RTLD_DEFAULT, "nomem_ask");
	if (!ask) {
		fputs("scenes: what lets allocations fail is not preloaded: make nomem\n", stderr);
		exit(3);
	}
	memset(&m, 0, sizeof(m));
	memset(been, 0, sizeof(been));
	m.nth = l->variant->torment->nth;
	m.lasting = l->variant->torment->lasting;
	ask(fails);
}

struct life *memory_counts(struct life *l)
{
	struct life *before = m.l;

	m.l = l && l->variant->torment && l->variant->torment->memory ? l : NULL;
	return before;
}

bool memory_failed(void)
{
	return m.met;
}

void memory_is_back(void)
{
	m.over = m.over || m.met;
	m.met = false;
}

/* ---- victims ---------------------------------------------------------------- */

void memory_victim(struct tortures *all, const struct torment *t)
{
	m.victim_of = all;
	m.nth = t->nth;
	m.lasting = t->lasting;
	m.written = written();
	m.words = memfd_create("words", MFD_CLOEXEC);
	if (m.words < 0 || dup2(m.words, 2) != 2)
		exit(3);
}

void memory_survived(void)
{
	if (!m.victim_of || m.alone)
		return;
	m.alone = true;
	disk_after_fork();
	torture_ready(m.victim_of, 's');
}

static const char *wrong_end(int code)
{
	char words[sizeof(last_words) + 1] = "";
	ssize_t len = pread(m.words, words, sizeof(words) - 1, 0);

	if (code != 3)
		return "ended by another exit code than 3\n";
	if (len != (ssize_t)strlen(last_words) || strcmp(words, last_words) != 0)
		return "ended by other words than that there is no memory\n";
	if (!m.alone && written() != m.written)
		return "wrote to the disk after it\n";
	return NULL;
}

_Noreturn void __real__Exit(int code);
_Noreturn void __wrap__Exit(int code);

/* Where base/arena.c ends the process. */
_Noreturn void __wrap__Exit(int code)
{
	struct tortures *all = m.victim_of;

	if (!all)
		__real__Exit(code);
	m.l = NULL;
	torture_ended(all, m.alone, wrong_end(code));
}

/* ---- what is not the process's -------------------------------------------------- */

void __real_sandbox_call(struct sandbox *sb, int64_t now_ms, const struct sandbox_request *request,
			 struct sandbox_answer *answer);
void __wrap_sandbox_call(struct sandbox *sb, int64_t now_ms, const struct sandbox_request *request,
			 struct sandbox_answer *answer);
bool __real_sandbox_deliver(struct sandbox *sb, int64_t now_ms, struct sandbox_delivery *out);
bool __wrap_sandbox_deliver(struct sandbox *sb, int64_t now_ms, struct sandbox_delivery *out);
void __real_sandbox_delivered(struct sandbox *sb, int64_t now_ms, uint64_t id, int status);
void __wrap_sandbox_delivered(struct sandbox *sb, int64_t now_ms, uint64_t id, int status);
void __real_files_write(struct file *f, int64_t offset, const void *bytes, size_t len);
void __wrap_files_write(struct file *f, int64_t offset, const void *bytes, size_t len);
void __real_files_truncate(struct file *f, int64_t len);
void __wrap_files_truncate(struct file *f, int64_t len);
void __real_files_sync(struct file *f);
void __wrap_files_sync(struct file *f);
struct file *__real_files_add(const char *name);
struct file *__wrap_files_add(const char *name);

void __wrap_sandbox_call(struct sandbox *sb, int64_t now_ms, const struct sandbox_request *request,
			 struct sandbox_answer *answer)
{
	struct life *l = memory_counts(NULL);

	__real_sandbox_call(sb, now_ms, request, answer);
	memory_counts(l);
}

bool __wrap_sandbox_deliver(struct sandbox *sb, int64_t now_ms, struct sandbox_delivery *out)
{
	struct life *l = memory_counts(NULL);
	bool any = __real_sandbox_deliver(sb, now_ms, out);

	memory_counts(l);
	return any;
}

void __wrap_sandbox_delivered(struct sandbox *sb, int64_t now_ms, uint64_t id, int status)
{
	struct life *l = memory_counts(NULL);

	__real_sandbox_delivered(sb, now_ms, id, status);
	memory_counts(l);
}

void __wrap_files_write(struct file *f, int64_t offset, const void *bytes, size_t len)
{
	struct life *l = memory_counts(NULL);

	__real_files_write(f, offset, bytes, len);
	memory_counts(l);
}

void __wrap_files_truncate(struct file *f, int64_t len)
{
	struct life *l = memory_counts(NULL);

	__real_files_truncate(f, len);
	memory_counts(l);
}

void __wrap_files_sync(struct file *f)
{
	struct life *l = memory_counts(NULL);

	__real_files_sync(f);
	memory_counts(l);
}

struct file *__wrap_files_add(const char *name)
{
	struct life *l = memory_counts(NULL);
	struct file *f = __real_files_add(name);

	memory_counts(l);
	return f;
}
