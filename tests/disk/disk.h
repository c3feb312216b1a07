/*
 * disk - a disk in memory for SQLite that can lose power, be full and fail.
 *
 * Each file has what was written and what was synced. When power is cut, of
 * the writes since the last sync an arbitrary part survives, torn at sectors of
 * 512 bytes; files made or removed since may be there or not. That is what a
 * real disk promises, and no more.
 *
 * Not a copy of the operating system: one process, no memory mapping, nothing
 * but what SQLite asks of it. The engine's own lock beside the state stays on
 * the real file system, in a folder of its own. For tests that open the state
 * with db_open(disk_place(), …).
 */
#ifndef TESTS_DISK_DISK_H
#define TESTS_DISK_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* From now on SQLite's files are here, and there are none. Ends with disk_stop. */
void disk_start(void);
/* Forgets every file. Databases must be closed. */
void disk_stop(void);
/* Path of the state: in an empty folder of its own, which disk_stop removes. */
const char *disk_place(void);
/* What was written at disk_place(): lent until the next write or call. */
struct slice disk_state(void);
/* Equal where a process that opens the state would find the same, the lock file's mark as well. */
uint64_t disk_found(void);
/* The part of it that is done by now; forks of this process then need not do it. */
void disk_read_on(void);
/* The only file from now on is one at disk_place() with these bytes, synced. Databases must be closed. */
void disk_put(struct slice bytes);

/*
 * The process is gone: what it had open answers nothing but failures from now on and is
 * closed whenever that suits; what it wrote is there.
 */
void disk_kill(void);
/* The same, and power with it: what was not synced is at the mercy of `seed`. Trouble ends. */
void disk_cut(uint64_t seed);

enum disk_trouble {
	DISK_WELL,
	DISK_FULL,	  /* writes find no room: SQLITE_FULL */
	DISK_WRITE_FAILS, /* half of it is written, or none */
	DISK_SYNC_FAILS,  /* and what was not synced still is not */
	DISK_READ_FAILS,
	DISK_DIES, /* writes and syncs count; from the n-th on everything fails: then disk_cut */
	DISK_TROUBLES
};

/*
 * The n-th operation of that kind from now on (from 1) fails; with `lasting` every later one,
 * too. DISK_WELL ends all trouble.
 */
void disk_fail(enum disk_trouble trouble, uint64_t nth, bool lasting);
/* Whether the trouble was met. */
bool disk_failed(void);

/*
 * Told of each operation before it is done: that `trouble` could befall it, as the n-th that could
 * (what disk_fail calls n from the start on). It may call disk_fail, for this one too; NULL: nobody.
 */
typedef void disk_watcher(void *ctx, enum disk_trouble trouble, uint64_t nth);
void disk_watch(disk_watcher *watcher, void *ctx);
/* What the test itself reads meanwhile meets no trouble and counts for nothing. */
void disk_pause(bool pause);

/*
 * In a fork of a process whose state is here, which waits meanwhile: all that was here, the lock file
 * too, is from now on there for the fork alone. A fork that ends by _exit calls disk_leave.
 */
void disk_after_fork(void);
void disk_leave(void);
/* Writes and syncs since disk_start. */
uint64_t disk_writes(void);
uint64_t disk_syncs(void);

#endif
