#include "dsl/piece.h"

#include <string.h>

#include "base/map.h"

#define LEAST_BYTES (4u * 1024)
#define MOST_BYTES (64u * 1024)
#define ONE_LINE_IN 256

/* What a line says decides whether a piece ends with it, so cuts move with the text. */
static bool ends_here(struct slice line, size_t bytes)
{
	return bytes >= MOST_BYTES ||
	       (bytes >= LEAST_BYTES && hash_bytes(0, line.ptr, line.len) % ONE_LINE_IN == 0);
}

static struct slice next_piece(struct slice *rest)
{
	struct slice piece = { rest->ptr, 0 }, line = { rest->ptr, 0 };

	do {
		const char *end = memchr(line.ptr, '\n', rest->len);
		line.len = end ? (size_t)(end - line.ptr) + 1 : rest->len;
		piece.len += line.len;
		rest->len -= line.len;
		rest->ptr += line.len;
		if (ends_here(line, piece.len))
			break;
		line.ptr = rest->ptr;
	} while (rest->len);
	return piece;
}

size_t pieces_cut(struct slice text, struct arena *memory, const struct piece **out)
{
	struct piece *piece = NULL;
	size_t n = 0, cap = 0;

	for (struct slice rest = text; rest.len; n++) {
		piece = mem_grow(piece, &cap, n + 1, sizeof(*piece));
		piece[n].text = next_piece(&rest);
		digest_sha256(piece[n].text, piece[n].digest);
	}
	struct piece *kept = arena_alloc(memory, (n + 1) * sizeof(*kept));
	if (n)
		memcpy(kept, piece, n * sizeof(*kept));
	mem_free(piece);
	*out = kept;
	return n;
}
