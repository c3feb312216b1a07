/*
 * secrecy - what of the user's text is not repeated: secrets that were written into a file.
 *
 * What is said of a file is copied into tickets and build logs, and whatever is wrong in a line is
 * shown with the whole line. So a secret is told by where it stands (behind a key such as `token:`)
 * and by what it looks like, not by the finding that shows it. Generous: what is hidden in vain
 * costs a look into the file.
 */
#ifndef DSL_SECRECY_H
#define DSL_SECRECY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define VEIL_BEFORE 4096
#define VEIL_BYTES (VEIL_BEFORE + 1024)

struct veil {
	size_t from, len; /* in the text */
	bool hidden[VEIL_BYTES];
};

/*
 * What may be a secret in the line that begins at byte `line`, from byte `at` of it on and as far as
 * VEIL_BYTES go; what stands before `at` is looked at, too.
 */
void veil_line(struct veil *v, struct slice text, size_t line, size_t at);
bool veil_hides(const struct veil *v, size_t at);

/* Puts '*' over words that are tokens beyond doubt, wherever they stand. */
void secrecy_hide_tokens(char *text);

#endif
