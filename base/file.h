/*
 * file - whole files and folders, with ceilings.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/*
 * Reads a whole file into `out` (initialised by the caller; its ceiling is the
 * file's). RC_BROKEN with the system's reason, or RC_INVALID where the file is
 * larger than the ceiling or is no regular file.
 */
enum rc file_read(const char *path, struct str *out, struct err *err) MUST_CHECK;

/* Whether others than its owner and group may read or write it. No: also where it is not there. */
bool file_is_open(const char *path);

/*
 * Replaces a whole file, or makes it: written beside it and renamed, so that a
 * reader sees the old one or the new one. On failure the old one is unchanged.
 */
enum rc file_write(const char *path, struct slice bytes, struct err *err) MUST_CHECK;

/*
 * Names in a folder, in byte order; the caller frees with names_release. Sub-folders and "."
 * are left out.
 */
struct names {
	char **list;
	size_t count, cap;
};

enum rc folder_list(const char *path, size_t most, struct names *out, struct err *err) MUST_CHECK;
void names_release(struct names *n);

#endif
