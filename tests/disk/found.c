/*
 * found - a hash of what a process that opens the state would find: the file, and of the log what was
 * committed. What a transaction that was not committed left behind its end is nothing to SQLite.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "tests/disk/disk.h"
#include "tests/disk/files.h"

#define LOG_HEAD 32
#define FRAME_HEAD 24

static uint32_t big(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t little(const unsigned char *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* SQLite's own, https://www.sqlite.org/fileformat2.html#checksum_algorithm; `len` in eights. */
static void sum(uint32_t s[2], bool is_big, const unsigned char *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		s[0] += (is_big ? big(p) : little(p)) + s[1];
		s[1] += (is_big ? big(p + 4) : little(p + 4)) + s[0];
	}
}

/*
 * How far a log was read. What was committed stays as it is, until the log begins anew with other
 * salts: it need not be read again.
 */
static struct reading {
	unsigned char head[LOG_HEAD];
	size_t at;     /* the next frame */
	uint32_t s[2]; /* SQLite's sum of all before */
	uint64_t h;    /* ours */
} committed;

static bool begin(struct reading *r, const unsigned char *log)
{
	*r = (struct reading){ .at = LOG_HEAD };
	memcpy(r->head, log, LOG_HEAD);
	sum(r->s, big(log) & 1, log, LOG_HEAD - 8);
	return r->s[0] == big(log + 24) && r->s[1] == big(log + 28);
}

/* The next frame, where it is whole; whether it ends a transaction. */
static bool read_frame(struct reading *r, const unsigned char *log, size_t len, bool *ends)
{
	bool is_big = big(log) & 1;
	size_t page = big(log + 8), frame = FRAME_HEAD + page;
	const unsigned char *f = log + r->at;

	if (!page || r->at + frame > len || memcmp(f + 8, log + 16, 8) != 0)
		return false;
	sum(r->s, is_big, f, 8);
	sum(r->s, is_big, f + FRAME_HEAD, page);
	if (r->s[0] != big(f + 16) || r->s[1] != big(f + 20))
		return false;
	r->h = hash_bytes(r->h, f, frame);
	r->at += frame;
	*ends = big(f + 4) != 0;
	return true;
}

/* Of what counts of the log: what was committed. */
static uint64_t read_log(const unsigned char *log, size_t len)
{
	if (len < LOG_HEAD)
		return 0;
	if (memcmp(committed.head, log, LOG_HEAD) != 0 && !begin(&committed, log))
		return 0;
	struct reading r = committed;
	bool ends;
	while (read_frame(&r, log, len, &ends))
		if (ends)
			committed = r;
	return committed.h;
}

static bool is_log(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcmp(name + len - 4, "-wal") == 0;
}

/* Behind the line of the owner's pid. */
static uint64_t mark(void)
{
	char name[96], text[64] = "";

	snprintf(name, sizeof(name), "%s.lock", disk_place());
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	const char *line = got > 0 ? strchr(text, '\n') : NULL;
	return line ? hash_bytes(0, line, strlen(line)) : 0;
}

void disk_read_on(void)
{
	for (const struct file *f = files_first(); f; f = f->next)
		if (f->exists && f->name && is_log(f->name))
			(void)read_log(f->written.bytes, f->written.len);
}

uint64_t disk_found(void)
{
	uint64_t h = mark();

	for (const struct file *f = files_first(); f; f = f->next) {
		if (!f->exists || !f->name)
			continue;
		/* The order of the files says nothing. */
		uint64_t name = hash_bytes(0, f->name, strlen(f->name));
		if (is_log(f->name)) {
			uint64_t log = read_log(f->written.bytes, f->written.len);
			h += hash_bytes(name, &log, sizeof(log));
		} else {
			h += hash_bytes(name, f->written.bytes, f->written.len);
		}
	}
	return h;
}
