#include "tests/disk/files.h"

#include <string.h>

#include "base/arena.h"

#define TORN 512 /* a write survives in pieces that end at multiples of this */

static struct file *all;

void image_resize(struct image *i, size_t len)
{
	i->bytes = mem_grow(i->bytes, &i->cap, len, 1);
	if (len > i->len)
		memset(i->bytes + i->len, 0, len - i->len);
	i->len = len;
}

void image_write(struct image *i, int64_t offset, const void *bytes, size_t len)
{
	if ((size_t)offset + len > i->len)
		image_resize(i, (size_t)offset + len);
	if (len)
		memcpy(i->bytes + offset, bytes, len);
}

static void image_change(struct image *i, const struct change *c)
{
	if (!c->truncates)
		image_write(i, c->offset, c->bytes, c->len);
	else if ((size_t)c->offset < i->len)
		image_resize(i, (size_t)c->offset);
}

static void image_copy(struct image *to, const struct image *from)
{
	image_resize(to, from->len);
	if (from->len)
		memcpy(to->bytes, from->bytes, from->len);
}

struct file *files_first(void)
{
	return all;
}

/* There is one folder, which a fork has under another name. */
static const char *in_folder(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

struct file *files_find(const char *name)
{
	struct file *f = all;

	while (f && !(name && f->name && strcmp(f->name, in_folder(name)) == 0))
		f = f->next;
	return f;
}

struct file *files_add(const char *name)
{
	struct file *f = mem_alloc(sizeof(*f));

	f->name = name ? mem_strdup(in_folder(name)) : NULL;
	f->next = all;
	all = f;
	return f;
}

void files_forget_changes(struct file *f)
{
	for (size_t i = 0; i < f->changes; i++)
		mem_free(f->change[i].bytes);
	f->changes = 0;
}

static void note_change(struct file *f, const struct change *c, const void *bytes)
{
	f->change = mem_grow(f->change, &f->cap, f->changes + 1, sizeof(*f->change));
	f->change[f->changes] = *c;
	if (c->len) {
		f->change[f->changes].bytes = mem_alloc(c->len);
		memcpy(f->change[f->changes].bytes, bytes, c->len);
	}
	f->changes++;
}

void files_write(struct file *f, int64_t offset, const void *bytes, size_t len)
{
	note_change(f, &(struct change){ .offset = offset, .len = len }, bytes);
	image_write(&f->written, offset, bytes, len);
}

void files_truncate(struct file *f, int64_t len)
{
	note_change(f, &(struct change){ .offset = len, .truncates = true }, NULL);
	if ((size_t)len < f->written.len)
		image_resize(&f->written, (size_t)len);
}

void files_sync_folder(void)
{
	for (struct file *f = all; f; f = f->next) {
		if (f->replaced || !f->exists)
			image_resize(&f->synced, 0);
		f->replaced = false;
		f->entry_synced = f->exists;
	}
}

void files_sync(struct file *f)
{
	if (!f->entry_synced || f->replaced) {
		files_sync_folder();
		image_copy(&f->synced, &f->written);
	}
	for (size_t i = 0; i < f->changes; i++)
		image_change(&f->synced, &f->change[i]);
	files_forget_changes(f);
}

static void file_free(struct file *f)
{
	files_forget_changes(f);
	mem_free(f->change);
	mem_free(f->written.bytes);
	mem_free(f->synced.bytes);
	mem_free(f->name);
	mem_free(f);
}

static uint64_t draw(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* The pieces of one write, each of which may have reached the disk. */
static void survive(struct image *i, const struct change *c, uint64_t odds, uint64_t *seed)
{
	size_t len;

	for (size_t done = 0; done < c->len; done += len) {
		int64_t at = c->offset + (int64_t)done;
		len = TORN - (size_t)at % TORN;
		if (len > c->len - done)
			len = c->len - done;
		if (draw(seed) % 4 < odds)
			image_write(i, at, c->bytes + done, len);
	}
}

void files_cut(struct file *f, uint64_t *seed)
{
	uint64_t odds = draw(seed) % 5;

	if (f->exists != f->entry_synced)
		f->exists = draw(seed) % 4 < odds ? f->exists : f->entry_synced;
	if (f->replaced && draw(seed) % 4 < odds)
		image_resize(&f->synced, 0);
	else if (f->replaced)
		files_forget_changes(f);
	for (size_t i = 0; i < f->changes; i++) {
		const struct change *c = &f->change[i];
		if (!c->truncates)
			survive(&f->synced, c, odds, seed);
		else if (draw(seed) % 4 < odds && (size_t)c->offset < f->synced.len)
			image_resize(&f->synced, (size_t)c->offset);
	}
	if (!f->exists)
		image_resize(&f->synced, 0);
	image_copy(&f->written, &f->synced);
	f->entry_synced = f->exists;
	f->replaced = false;
	files_forget_changes(f);
}

void files_forget(void)
{
	while (all) {
		struct file *next = all->next;
		file_free(all);
		all = next;
	}
}
