/*
 * source - rule files as texts: which files of a folder count, and reading them.
 *
 * Not here: what is in them (dsl/node.c), encoding included.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "dsl/build.h"
#include "dsl/codes.h"
#include "dsl/lock.h"

void sources_init(struct sources *s)
{
	*s = (struct sources){ 0 };
	arena_init(&s->memory);
}

void sources_release(struct sources *s)
{
	mem_free(s->file);
	arena_release(&s->memory);
	sources_init(s);
}

static struct slice without_bom(struct slice text)
{
	if (slice_starts(text, slice_of("\xef\xbb\xbf")))
		return (struct slice){ text.ptr + 3, text.len - 3 };
	return text;
}

/* Told by its name alone, wherever it is. */
static bool is_lock_file(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, LOCK_FILE) == 0;
}

void sources_add_text(struct sources *s, const char *path, struct slice text)
{
	s->file = mem_grow(s->file, &s->cap, s->count + 1, sizeof(*s->file));
	s->file[s->count++] = (struct source_file){
		.path = arena_text(&s->memory, slice_of(path)),
		.text = arena_slice(&s->memory, without_bom(text)),
		.lock = is_lock_file(path),
	};
}

size_t sources_rule_files(const struct sources *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		count += !s->file[i].lock;
	return count;
}

/* What cannot be read as a rule file still has a place: its first character. */
static void refuse_file(struct sources *s, const char *path, struct diags *diags, enum code code,
			const char *message)
{
	struct span at = { (uint32_t)s->count, 1, 1, 1, 1 };

	sources_add_text(s, path, slice_of(""));
	s->file[s->count - 1].refused = true;
	diags_add(diags, SEVERITY_ERROR, diag_codes[code].word, at, "%s", message);
}

static bool already_read(const struct sources *s, const char *path)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->file[i].path, path) == 0)
			return true;
	return false;
}

static enum rc add_file(struct sources *s, const char *path, struct diags *diags, struct err *err)
{
	struct stat st;
	struct str text;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		refuse_file(s, path, diags, CODE_NOT_A_FILE, "this is no regular file");
		return RC_OK;
	}
	str_init(&text, LIMIT_RULE_FILE_BYTES);
	enum rc rc = file_read(path, &text, err);
	if (rc == RC_OK)
		sources_add_text(s, path, str_slice(&text));
	if (rc == RC_INVALID) {
		refuse_file(s, path, diags, CODE_TOO_LARGE,
			    arena_printf(&s->memory, "the file is larger than %u bytes",
					 LIMIT_RULE_FILE_BYTES));
		rc = RC_OK;
	}
	str_release(&text);
	return rc;
}

static bool ends_with(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n > t && strcmp(name + n - t, tail) == 0;
}

/* `.*` is hidden, and covers `.#*`; `*~` and `*.swp` do not end so. */
static bool is_rule_file(const char *name)
{
	return name[0] != '.' && (ends_with(name, ".yaml") || ends_with(name, ".yml"));
}

/* The folder as people write it, without slashes at its end. */
static struct slice folder_name(const char *path)
{
	struct slice name = slice_of(path);

	while (name.len > 1 && name.ptr[name.len - 1] == '/')
		name.len--;
	return name;
}

/* The lock of the folder in which a path lies, given with its slash; none is fine. */
static enum rc add_lock(struct sources *s, struct slice folder, struct diags *diags,
			struct err *err)
{
	const char *path = arena_printf(&s->memory, "%.*s" LOCK_FILE, SLICE_FMT(folder));
	struct stat st;

	if (already_read(s, path) || lstat(path, &st) != 0)
		return RC_OK;
	return add_file(s, path, diags, err);
}

static enum rc add_folder(struct sources *s, const char *path, struct diags *diags, struct err *err)
{
	struct names names;
	struct slice folder = folder_name(path);
	const char *slash = slice_is(folder, "/") ? "" : "/";
	enum rc rc = folder_list(path, LIMIT_RULE_FILES, &names, err);

	if (rc == RC_INVALID) {
		refuse_file(s, path, diags, CODE_TOO_LARGE,
			    arena_printf(&s->memory, "the folder holds more than %u files",
					 LIMIT_RULE_FILES));
		return RC_OK;
	}
	for (size_t i = 0; rc == RC_OK && i < names.count; i++) {
		if (!is_rule_file(names.list[i]))
			continue;
		const char *file = arena_printf(&s->memory, "%.*s%s%s", SLICE_FMT(folder), slash,
						names.list[i]);
		if (!already_read(s, file))
			rc = add_file(s, file, diags, err);
	}
	names_release(&names);
	if (rc != RC_OK)
		return rc;
	return add_lock(s, slice_of(arena_printf(&s->memory, "%.*s%s", SLICE_FMT(folder), slash)),
			diags, err);
}

/* Files given by name are checked as if they were their folder: its lock is theirs. */
static enum rc add_one(struct sources *s, const char *path, struct diags *diags, struct err *err)
{
	const char *slash = strrchr(path, '/');
	struct slice folder = { path, slash ? (size_t)(slash - path) + 1 : 0 };
	enum rc rc = add_file(s, path, diags, err);

	return rc == RC_OK ? add_lock(s, folder, diags, err) : rc;
}

enum rc sources_add_path(struct sources *s, const char *path, struct diags *diags, struct err *err)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return add_folder(s, path, diags, err);
	if (already_read(s, path))
		return RC_OK;
	return add_one(s, path, diags, err);
}
