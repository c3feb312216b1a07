/*
 * replay - runs a fuzz target over files without a fuzzer: its corpus and all
 * that was ever found. Takes files and folders; a folder that is not there holds nothing.
 */
#include <sys/stat.h>

#include "base/arena.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#define FILE_MOST (1u << 20)
#define FILES_MOST 10000u

static int replayed, unread;

static void replay_file(const char *path)
{
	struct str text;
	struct err err;

	str_init(&text, FILE_MOST);
	if (file_read(path, &text, &err) == RC_OK) {
		/* A copy of its own, so that a sanitizer sees a byte past its end. */
		uint8_t *copy = malloc(text.len ? text.len : 1);
		must(copy);
		memcpy(copy, str_text(&text), text.len);
		LLVMFuzzerTestOneInput(copy, text.len);
		free(copy);
		replayed++;
	} else {
		fprintf(stderr, "%s\n", err.text);
		unread++;
	}
	str_release(&text);
}

static void replay_folder(const char *path)
{
	struct names names = { 0 };
	struct err err;
	char file[4096];

	if (folder_list(path, FILES_MOST, &names, &err) != RC_OK) {
		fprintf(stderr, "%s\n", err.text);
		unread++;
	}
	for (size_t i = 0; i < names.count; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names.list[i]);
		replay_file(file);
	}
	names_release(&names);
}

int main(int argc, char **argv)
{
	struct stat st;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) != 0)
			continue;
		if (S_ISDIR(st.st_mode))
			replay_folder(argv[i]);
		else
			replay_file(argv[i]);
	}
	printf("replay: %d passed\n", replayed);
	return replayed && !unread ? 0 : 1;
}
