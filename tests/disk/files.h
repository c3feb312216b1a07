/*
 * files - what was written to each file of the disk, and what of it was synced. Not SQLite's view
 * of it (disk.c), and no trouble but a power cut.
 */
#ifndef TESTS_DISK_FILES_H
#define TESTS_DISK_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Something done to a file since its last sync: a write, or a cut to `offset` bytes. */
struct change {
	int64_t offset;
	size_t len;
	bool truncates;
	unsigned char *bytes;
};

struct image {
	unsigned char *bytes;
	size_t len, cap;
};

struct file {
	char *name; /* NULL: temporary, nobody else's */
	bool exists, entry_synced;
	bool replaced; /* another was removed, unsynced, that had this name; `synced` is still its */
	struct image written, synced;
	struct change *change;
	size_t changes, cap;
	struct shared *shared;
	int readers; /* locks of the database file */
	const void *reserved, *pending, *exclusive;
	struct file *next;
};

/* Every file, newest first; NULL: there is none. */
struct file *files_first(void);
/* By its name in the folder. NULL where there is none of it; a temporary one has no name and is not found. */
struct file *files_find(const char *name);
/* One more, which does not exist yet; the name is copied, or NULL. Lives until files_forget. */
struct file *files_add(const char *name);
void files_forget(void);

void image_resize(struct image *i, size_t len); /* zeros behind what was */
void image_write(struct image *i, int64_t offset, const void *bytes, size_t len);

/* Not synced. */
void files_write(struct file *f, int64_t offset, const void *bytes, size_t len);
void files_truncate(struct file *f, int64_t len);
/* Changes since the last sync are neither synced nor lost any more. */
void files_forget_changes(struct file *f);

/* As SQLite on Unix: who syncs a new file for the first time syncs its folder as well. */
void files_sync(struct file *f);
/* All names are as they are now; what is in a file that is new may still be lost. */
void files_sync_folder(void);
/* Power is gone: nothing, some or all of what was not synced survives, by the same odds for the file. */
void files_cut(struct file *f, uint64_t *seed);

#endif
