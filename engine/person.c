#include "engine/person.h"

#include <string.h>

#include "base/limits.h"

/* As it stands in the JSON of what was seen of a contact; NULL where it is no address. */
static const char *quoted_email(const char *who, bool own, struct arena *memory)
{
	struct str text;

	if (!strchr(who, '@'))
		return NULL;
	str_init(&text, LIMIT_VALUE_BYTES);
	str_add_text(&text, own ? "\"email\":" : "");
	str_add_json(&text, slice_of(who));
	const char *quoted = arena_text(memory, str_slice(&text));
	str_release(&text);
	return quoted;
}

size_t person_find(struct db *db, const char *who, bool own, struct arena *memory,
		   struct person **out)
{
	struct person *found = NULL;
	size_t n = 0, cap = 0;
	struct query *q = db_select(
		db,
		"WITH at (account) AS (SELECT account FROM source UNION SELECT account FROM watch),"
		" named (account, id) AS ("
		" SELECT c.account, c.contact FROM at JOIN contact c ON c.account = at.account WHERE c.contact = ?1"
		" UNION SELECT d.account, d.contact FROM at JOIN decision d ON d.account = at.account"
		" WHERE d.contact = ?1"
		" UNION SELECT p.account, p.contact FROM at JOIN pending p ON p.account = at.account"
		" WHERE p.contact = ?1"
		" UNION SELECT n.account, n.contact FROM at JOIN news n ON n.account = at.account"
		" WHERE n.contact = ?1"
		" UNION SELECT a.account, a.contact FROM at JOIN alias a ON a.account = at.account WHERE a.old = ?1"
		" UNION SELECT account, contact FROM event WHERE contact = ?1"
		" UNION SELECT source_account, contact FROM issuance WHERE contact = ?1"
		" OR (?2 IS NOT NULL AND lower(email) = lower(?1))"
		" UNION SELECT account, contact FROM event WHERE ?2 IS NOT NULL AND instr(lower(seen), lower(?2)) > 0)"
		" SELECT DISTINCT n.account, coalesce((SELECT a.contact FROM alias a WHERE a.account = n.account"
		" AND a.old = n.id), n.id) FROM named n ORDER BY 1, 2",
		"tt", who, quoted_email(who, own, memory));

	while (query_next(q)) {
		found = mem_grow(found, &cap, n + 1, sizeof(*found));
		found[n++] = (struct person){ arena_text(memory, query_slice(q, 0)),
					      arena_text(memory, query_slice(q, 1)) };
	}
	*out = arena_alloc(memory, (n + 1) * sizeof(**out));
	if (n)
		memcpy(*out, found, n * sizeof(**out));
	mem_free(found);
	return n;
}
