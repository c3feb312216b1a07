/*
 * The lock file: whatever stands in it, reading ends, and says where what is
 * wrong is. What was read is written, read again, and is the same; rules beside
 * it are checked or refused, and never without a word.
 */
#include "tests/fuzz/rule.h"

#include "base/limits.h"
#include "dsl/lock.h"

static const char rules[] =
	"rule: a\n"
	"trigger:\n"
	"  event: property-changed\n"
	"  property: tier\n"
	"  from: [\"\", Silver]\n"
	"  to: [gold, \"a;b\"]\n"
	"  filters:\n"
	"    - { property: score, at-least: 80 }\n"
	"    - any:\n"
	"        - { property: day, after: today }\n"
	"        - not: { property: tier, has: gold }\n"
	"action:\n"
	"  do: issue-credential\n"
	"  group: 01a\n"
	"  fields: { custom.tier: \"{{ contact.tier | label }} {{ event.to | label }}\" }\n"
	"---\n"
	"rule: b\n"
	"trigger: { event: list-added, list: Graduates }\n"
	"action: { do: issue-credential, group: 01b }\n"
	"---\n"
	"rule: c\n"
	"trigger: { event: list-added, list: 42 }\n"
	"action: { do: issue-credential, group: 01b }\n";
/* Beside a lock file that is refused anyway: what the rules are makes no difference. */
static const char one_rule[] = "rule: c\n"
			       "trigger: { event: list-added, list: 42 }\n"
			       "action: { do: issue-credential, group: 01b }\n";

static enum lock_state read_text(struct slice text, struct lock *out)
{
	struct sources sources;
	struct diags diags;

	sources_init(&sources);
	diags_init(&diags);
	sources_add_text(&sources, LOCK_FILE, text);
	lock_init(out);
	enum lock_state state = lock_read(&sources, &diags, out);
	must((state == LOCK_READ) == (diags.errors == 0));
	check_places(&sources, &diags);
	diags_release(&diags);
	sources_release(&sources);
	return state;
}

static void count(void *ctx, const struct lock_change *change)
{
	struct str words;

	str_init(&words, 1u << 16);
	lock_change_words(change, &words);
	must(words.len > 0);
	str_release(&words);
	++*(size_t *)ctx;
}

/* What was written is read as the same, and written the same. */
static void write_and_read(const struct lock *lock)
{
	struct str text, again;
	struct lock other, none;
	size_t told = 0;

	str_init(&text, SIZE_MAX / 4);
	str_init(&again, SIZE_MAX / 4);
	lock_init(&none);
	lock_write(lock, &text);
	must(read_text(str_slice(&text), &other) == LOCK_READ);
	lock_write(&other, &again);
	must(slice_eq(str_slice(&text), str_slice(&again)));
	must(lock_diff(lock, &other, count, &told) == 0 && told == 0);
	must(lock_diff(&none, lock, count, &told) == lock->n_account && told == lock->n_account);
	lock_release(&other);
	str_release(&text);
	str_release(&again);
}

/* In order, each once, and found by its key. */
static void look_up(const struct lock *lock)
{
	for (size_t i = 0; i < lock->n_account; i++) {
		const struct lock_account *a = &lock->account[i];
		must(lock_account(lock, a->name) == a);
		for (size_t k = 0; k < LOCK_KINDS; k++)
			for (size_t e = 0; e < a->section[k].count; e++)
				must(lock_find(a, (enum lock_kind)k,
					       slice_of(a->section[k].entry[e].key)) ==
				     &a->section[k].entry[e]);
	}
}

static void check_rules(struct slice text, bool good)
{
	struct sources sources;
	struct diags diags;

	sources_init(&sources);
	diags_init(&diags);
	sources_add_text(&sources, "rules.yaml", slice_of(good ? rules : one_rule));
	sources_add_text(&sources, LOCK_FILE, text);
	struct table *t = table_build(&sources, &diags, NULL);
	must(!t == (diags.errors > 0));
	must(good || !t);
	check_places(&sources, &diags);
	table_unref(t);
	diags_release(&diags);
	sources_release(&sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct lock lock;
	bool good = read_text(text, &lock) == LOCK_READ;

	look_up(&lock);
	if (good)
		write_and_read(&lock);
	check_rules(text, good);
	lock_release(&lock);
	return 0;
}
