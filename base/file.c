#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

static enum rc read_into(int fd, char *buf, size_t size, struct str *out, struct err *err)
{
	for (;;) {
		ssize_t got = read(fd, buf, size);
		if (got < 0 && errno == EINTR) /* defensive: a slow disk */
			continue;
		if (got < 0)
			return err_set(err, RC_BROKEN, "%s", strerror(errno));
		if (got == 0)
			return RC_OK;
		str_add(out, buf, (size_t)got);
		if (out->overflow)
			return err_set(err, RC_INVALID, "larger than %zu bytes", out->max);
	}
}

/* The file may be a secret: nothing of it stays behind here. */
static enum rc read_all(int fd, struct str *out, struct err *err)
{
	char buf[16384];
	enum rc rc = read_into(fd, buf, sizeof(buf), out, err);

	explicit_bzero(buf, sizeof(buf));
	return rc;
}

enum rc file_read(const char *path, struct str *out, struct err *err)
{
	struct stat st;
	/* O_NONBLOCK: a named pipe in the rules folder must not hang us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_set(err, RC_BROKEN, "cannot open '%s': %s", path, strerror(errno));
	enum rc rc = RC_OK;
	if (fstat(fd, &st) != 0) /* defensive: of an open file */
		rc = err_set(err, RC_BROKEN, "%s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		rc = err_set(err, RC_INVALID, "not a regular file");
	else
		rc = read_all(fd, out, err);
	close(fd);
	if (rc != RC_OK)
		err_prefix(err, "cannot read '%s'", path);
	return rc;
}

bool file_is_open(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0;
}

static bool write_all(int fd, struct slice bytes)
{
	for (size_t done = 0; done < bytes.len;) {
		ssize_t put = write(fd, bytes.ptr + done, bytes.len - done);
		if (put < 0 && errno == EINTR) /* defensive: a slow disk */
			continue;
		if (put < 0)
			return false;
		done += (size_t)put;
	}
	return true;
}

enum rc file_write(const char *path, struct slice bytes, struct err *err)
{
	enum rc rc = RC_OK;
	struct str beside;

	str_init(&beside, 4096);
	str_addf(&beside, "%s.XXXXXX", path);
	int fd = beside.overflow ? -1 : mkostemp(beside.ptr, O_CLOEXEC);
	if (fd < 0) {
		rc = err_set(err, RC_BROKEN, "cannot write '%s': %s", path, strerror(errno));
		goto out;
	}
	bool whole = write_all(fd, bytes) && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
	if (close(fd) != 0 || !whole || rename(beside.ptr, path) != 0) {
		rc = err_set(err, RC_BROKEN, "cannot write '%s': %s", path, strerror(errno));
		unlink(beside.ptr);
	}
out:
	str_release(&beside);
	return rc;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Follows links: a rule file may be one. */
static bool is_folder(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

enum rc folder_list(const char *path, size_t most, struct names *out, struct err *err)
{
	DIR *dir = opendir(path);

	*out = (struct names){ 0 };
	if (!dir)
		return err_set(err, RC_BROKEN, "cannot open folder '%s': %s", path,
			       strerror(errno));
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (is_folder(dirfd(dir), entry->d_name))
			continue;
		if (out->count == most) {
			closedir(dir);
			names_release(out);
			return err_set(err, RC_INVALID, "more than %zu files in '%s'", most, path);
		}
		out->list = mem_grow(out->list, &out->cap, out->count + 1, sizeof(*out->list));
		out->list[out->count++] = mem_strdup(entry->d_name);
	}
	closedir(dir);
	if (out->count > 1)
		qsort(out->list, out->count, sizeof(*out->list), by_bytes);
	return RC_OK;
}

void names_release(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		mem_free(n->list[i]);
	mem_free(n->list);
	*n = (struct names){ 0 };
}
