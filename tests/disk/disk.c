#include "tests/disk/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/arena.h"
#include "tests/disk/files.h"

#define SECTOR_BYTES 4096 /* what SQLite is told, as on a real file system */
#define MOST (1 << 30)	  /* a file has no room beyond: a damaged page number may say anything */

/* The memory that connections to one file share in WAL mode. */
struct shared {
	int users;
	void **page;
	size_t pages, cap;
	int readers[SQLITE_SHM_NLOCK];
	const void *writer[SQLITE_SHM_NLOCK];
};

/* What SQLite holds open. */
struct handle {
	sqlite3_file base;
	struct file *file;
	uint64_t life;	   /* of the process that opened it */
	bool syncs_folder; /* its next sync does */
	int level;
	struct shared *shared;
};

static struct {
	sqlite3_vfs *real; /* gives chance, sleep and time */
	uint64_t life;
	char folder[64], place[80];
	enum disk_trouble trouble;
	uint64_t nth;
	bool lasting, failed;
	uint64_t writes, syncs;
	uint64_t asked[DISK_TROUBLES]; /* operations that each trouble could befall */
	disk_watcher *watcher;
	void *watcher_ctx;
	bool paused;
} disk;

static void shared_leave(struct shared *s)
{
	if (--s->users)
		return;
	for (size_t i = 0; i < s->pages; i++)
		mem_free(s->page[i]);
	mem_free(s->page);
	mem_free(s);
}

/* ---- trouble ------------------------------------------------------------ */

/* Whether an operation that this trouble is about fails now. */
static bool meets(enum disk_trouble trouble)
{
	if (disk.paused)
		return false;
	disk.asked[trouble]++;
	if (disk.watcher)
		disk.watcher(disk.watcher_ctx, trouble, disk.asked[trouble]);
	if (disk.trouble != trouble || (disk.failed && !disk.lasting))
		return false;
	if (!disk.failed && --disk.nth)
		return false;
	return disk.failed = true;
}

static bool dead(const struct handle *h)
{
	return h->life != disk.life || (disk.trouble == DISK_DIES && disk.failed);
}

void disk_watch(disk_watcher *watcher, void *ctx)
{
	disk.watcher = watcher;
	disk.watcher_ctx = ctx;
}

void disk_pause(bool pause)
{
	disk.paused = pause;
}

void disk_fail(enum disk_trouble trouble, uint64_t nth, bool lasting)
{
	disk.trouble = trouble;
	disk.nth = nth;
	disk.lasting = lasting || trouble == DISK_DIES;
	disk.failed = false;
}

bool disk_failed(void)
{
	return disk.failed;
}

uint64_t disk_writes(void)
{
	return disk.writes;
}

uint64_t disk_syncs(void)
{
	return disk.syncs;
}

/* ---- a file that is open ------------------------------------------------ */

static int on_close(sqlite3_file *base)
{
	struct handle *h = (struct handle *)base;

	if (h->shared)
		shared_leave(h->shared);
	h->shared = NULL;
	return SQLITE_OK;
}

static int on_read(sqlite3_file *base, void *out, int len, sqlite3_int64 offset)
{
	struct handle *h = (struct handle *)base;
	const struct image *i = &h->file->written;

	if (dead(h) || meets(DISK_READ_FAILS))
		return SQLITE_IOERR_READ;
	size_t there = (size_t)offset < i->len ? i->len - (size_t)offset : 0;
	size_t got = there < (size_t)len ? there : (size_t)len;
	if (got)
		memcpy(out, i->bytes + offset, got);
	memset((char *)out + got, 0, (size_t)len - got);
	return got == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int on_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 offset)
{
	struct handle *h = (struct handle *)base;

	if (dead(h))
		return SQLITE_IOERR_WRITE;
	disk.writes++;
	if (meets(DISK_FULL) || offset > MOST - len)
		return SQLITE_FULL;
	if (meets(DISK_WRITE_FAILS)) {
		files_write(h->file, offset, bytes, (size_t)len / 2);
		return SQLITE_IOERR_WRITE;
	}
	files_write(h->file, offset, bytes, (size_t)len);
	/* A write under way as power goes may arrive: it was made, and is not synced. */
	return meets(DISK_DIES) ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int on_truncate(sqlite3_file *base, sqlite3_int64 len)
{
	struct handle *h = (struct handle *)base;

	if (dead(h) || meets(DISK_WRITE_FAILS))
		return SQLITE_IOERR_TRUNCATE;
	disk.writes++;
	files_truncate(h->file, len);
	return meets(DISK_DIES) ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int on_sync(sqlite3_file *base, int flags)
{
	struct handle *h = (struct handle *)base;

	(void)flags;
	if (dead(h))
		return SQLITE_IOERR_FSYNC;
	disk.syncs++;
	if (meets(DISK_SYNC_FAILS) || meets(DISK_DIES))
		return SQLITE_IOERR_FSYNC;
	if (h->syncs_folder)
		files_sync_folder();
	h->syncs_folder = false;
	files_sync(h->file);
	return SQLITE_OK;
}

static int on_size(sqlite3_file *base, sqlite3_int64 *out)
{
	struct handle *h = (struct handle *)base;

	*out = (sqlite3_int64)h->file->written.len;
	return dead(h) ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

/* SQLite's five levels: many may share, one reserves, and who is exclusive is alone. */
static int on_lock(sqlite3_file *base, int level)
{
	struct handle *h = (struct handle *)base;
	struct file *f = h->file;

	if (dead(h))
		return SQLITE_IOERR_LOCK;
	if (level <= h->level)
		return SQLITE_OK;
	if ((f->exclusive && f->exclusive != h) ||
	    (level > SQLITE_LOCK_SHARED && f->reserved && f->reserved != h) ||
	    (level != SQLITE_LOCK_RESERVED && f->pending && f->pending != h))
		return SQLITE_BUSY;
	if (h->level < SQLITE_LOCK_SHARED)
		f->readers++;
	if (level >= SQLITE_LOCK_RESERVED)
		f->reserved = h;
	h->level = level == SQLITE_LOCK_EXCLUSIVE ? SQLITE_LOCK_RESERVED : level;
	if (level < SQLITE_LOCK_EXCLUSIVE)
		return SQLITE_OK;
	f->pending = h;
	h->level = SQLITE_LOCK_PENDING;
	if (f->readers > 1)
		return SQLITE_BUSY;
	f->exclusive = h;
	h->level = level;
	return SQLITE_OK;
}

static int on_unlock(sqlite3_file *base, int level)
{
	struct handle *h = (struct handle *)base;
	struct file *f = h->file;

	if (h->life != disk.life || level >= h->level)
		return SQLITE_OK;
	if (f->reserved == h)
		f->reserved = NULL;
	if (f->pending == h)
		f->pending = NULL;
	if (f->exclusive == h)
		f->exclusive = NULL;
	if (level == SQLITE_LOCK_NONE)
		f->readers--;
	h->level = level;
	return SQLITE_OK;
}

static int on_reserved(sqlite3_file *base, int *out)
{
	*out = ((struct handle *)base)->file->reserved != NULL;
	return SQLITE_OK;
}

static int on_control(sqlite3_file *base, int op, void *arg)
{
	(void)base;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int on_sector(sqlite3_file *base)
{
	(void)base;
	return SECTOR_BYTES;
}

static int on_device(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int on_map(sqlite3_file *base, int page, int bytes, int extend, void volatile **out)
{
	struct handle *h = (struct handle *)base;

	*out = NULL;
	if (dead(h))
		return SQLITE_IOERR_SHMMAP;
	if (!h->shared) {
		if (!h->file->shared)
			h->file->shared = mem_alloc(sizeof(*h->file->shared));
		h->shared = h->file->shared;
		h->shared->users++;
	}
	struct shared *s = h->shared;
	while (extend && s->pages <= (size_t)page) {
		s->page = mem_grow(s->page, &s->cap, s->pages + 1, sizeof(*s->page));
		s->page[s->pages++] = mem_alloc((size_t)bytes);
	}
	if ((size_t)page < s->pages)
		*out = s->page[page];
	return SQLITE_OK;
}

static bool slot_free(const struct shared *s, int i, bool exclusive, const void *who)
{
	return (!s->writer[i] || s->writer[i] == who) && !(exclusive && s->readers[i]);
}

static int on_map_lock(sqlite3_file *base, int first, int count, int flags)
{
	struct handle *h = (struct handle *)base;
	struct shared *s = h->shared;
	bool exclusive = flags & SQLITE_SHM_EXCLUSIVE, lock = flags & SQLITE_SHM_LOCK;

	for (int i = first; lock && i < first + count; i++)
		if (!slot_free(s, i, exclusive, h))
			return SQLITE_BUSY;
	for (int i = first; i < first + count; i++) {
		if (exclusive)
			s->writer[i] = lock ? h : NULL;
		else
			s->readers[i] += lock ? 1 : -1;
	}
	return SQLITE_OK;
}

static void on_barrier(sqlite3_file *base)
{
	(void)base;
}

static int on_unmap(sqlite3_file *base, int remove)
{
	struct handle *h = (struct handle *)base;

	if (!h->shared)
		return SQLITE_OK;
	if (h->file->shared == h->shared && (remove || h->shared->users == 1))
		h->file->shared = NULL;
	shared_leave(h->shared);
	h->shared = NULL;
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_reserved,
	.xFileControl = on_control,
	.xSectorSize = on_sector,
	.xDeviceCharacteristics = on_device,
	.xShmMap = on_map,
	.xShmLock = on_map_lock,
	.xShmBarrier = on_barrier,
	.xShmUnmap = on_unmap,
};

/* ---- the disk ----------------------------------------------------------- */

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out)
{
	struct handle *h = (struct handle *)base;
	struct file *f = files_find(name);

	(void)vfs;
	memset(h, 0, sizeof(*h));
	if (disk.trouble == DISK_DIES && disk.failed)
		return SQLITE_CANTOPEN;
	if (!(f && f->exists) && !(flags & SQLITE_OPEN_CREATE))
		return SQLITE_CANTOPEN;
	if (!f)
		f = files_add(name);
	f->exists = true;
	h->base.pMethods = &methods;
	h->file = f;
	h->life = disk.life;
	/* As SQLite on Unix: of a journal or a log the first sync by whoever opened it, new or not. */
	h->syncs_folder = (flags & SQLITE_OPEN_CREATE) &&
			  (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL));
	if (out)
		*out = flags;
	return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	struct file *f = files_find(name);

	(void)vfs;
	if (disk.trouble == DISK_DIES && disk.failed)
		return SQLITE_IOERR_DELETE;
	if (!f || !f->exists)
		return SQLITE_IOERR_DELETE_NOENT;
	f->exists = false;
	f->replaced = f->entry_synced;
	image_resize(&f->written, 0);
	files_forget_changes(f);
	if (sync)
		files_sync_folder();
	return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	const struct file *f = files_find(name);

	(void)vfs;
	/* An empty file is not there where SQLite asks for a journal to roll back. */
	*out = f && f->exists && !(flags == SQLITE_ACCESS_EXISTS && f->written.len == 0);
	return SQLITE_OK;
}

static int on_full_name(sqlite3_vfs *vfs, const char *name, int most, char *out)
{
	(void)vfs;
	return snprintf(out, (size_t)most, "%s", name) < most ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int on_random(sqlite3_vfs *vfs, int bytes, char *out)
{
	(void)vfs;
	memset(out, 0x5a, (size_t)bytes); /* the same run each time */
	return bytes;
}

static int on_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us; /* nobody else works meanwhile */
}

static int on_time(sqlite3_vfs *vfs, double *out)
{
	(void)vfs;
	return disk.real->xCurrentTime(disk.real, out);
}

static int on_error(sqlite3_vfs *vfs, int most, char *out)
{
	(void)vfs;
	(void)most;
	(void)out;
	return 0;
}

static sqlite3_vfs vfs = {
	.iVersion = 1,
	.szOsFile = sizeof(struct handle),
	.mxPathname = 512,
	.zName = "disk",
	.xOpen = on_open,
	.xDelete = on_delete,
	.xAccess = on_access,
	.xFullPathname = on_full_name,
	.xRandomness = on_random,
	.xSleep = on_sleep,
	.xCurrentTime = on_time,
	.xGetLastError = on_error,
};

/* ---- its life ----------------------------------------------------------- */

static void cannot(const char *what)
{
	fprintf(stderr, "disk: %s\n", what);
	exit(3);
}

/* A folder of our own on the real file system, for the lock file alone; in memory where there is room. */
static void make_folder(void)
{
	const char *shm = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(disk.folder, sizeof(disk.folder), "%s/hs2cert-disk-XXXXXX", shm);
	if (!mkdtemp(disk.folder))
		cannot("no folder can be made");
	snprintf(disk.place, sizeof(disk.place), "%s/state", disk.folder);
}

void disk_start(void)
{
	memset(&disk, 0, sizeof(disk));
	disk.real = sqlite3_vfs_find(NULL);
	make_folder();
	if (!disk.real || sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		cannot("cannot be set up");
}

const char *disk_place(void)
{
	return disk.place;
}

void disk_kill(void)
{
	disk.life++;
	for (struct file *f = files_first(); f; f = f->next) {
		f->shared = NULL; /* its users free it */
		f->readers = 0;
		f->reserved = f->pending = f->exclusive = NULL;
	}
}

void disk_cut(uint64_t seed)
{
	disk_kill();
	for (struct file *f = files_first(); f; f = f->next)
		files_cut(f, &seed);
	disk_fail(DISK_WELL, 0, false);
}

struct slice disk_state(void)
{
	const struct file *f = files_find(disk.place);

	return f ? (struct slice){ (const char *)f->written.bytes, f->written.len }
		 : (struct slice){ 0 };
}

void disk_put(struct slice bytes)
{
	files_forget();
	struct file *f = files_add(disk.place);
	f->exists = true;
	image_write(&f->written, 0, bytes.ptr, bytes.len);
	files_sync(f);
}

static const char *lock_name(char out[96])
{
	snprintf(out, 96, "%s.lock", disk.place);
	return out;
}

void disk_leave(void)
{
	char name[96];

	unlink(lock_name(name));
	rmdir(disk.folder);
}

void disk_stop(void)
{
	files_forget();
	sqlite3_vfs_unregister(&vfs);
	sqlite3_vfs_register(disk.real, 1);
	disk_leave();
}

/* ---- forks ---------------------------------------------------------------- */

/* Who has the parent's lock file open has ours instead, and holds no lock: nobody else asks for it. */
static void take_over(const struct stat *old, int ours)
{
	struct stat st;

	for (int fd = 3; fd < ours; fd++)
		if (fstat(fd, &st) == 0 && st.st_ino == old->st_ino && st.st_dev == old->st_dev &&
		    dup3(ours, fd, O_CLOEXEC) != fd)
			cannot("a fork cannot have the lock file");
}

void disk_after_fork(void)
{
	char name[96], text[64];
	struct stat old;
	int from = open(lock_name(name), O_RDONLY | O_CLOEXEC);

	make_folder();
	if (from < 0)
		return;
	ssize_t len = read(from, text, sizeof(text));
	bool good = fstat(from, &old) == 0;
	close(from);
	int to = open(lock_name(name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (!good || to < 0 || len < 0 || write(to, text, (size_t)len) != len)
		cannot("a fork cannot have a lock file");
	take_over(&old, to);
	close(to);
}
