/*
 * One event against all rules in CLIPS: clips RULES.tsv EVENTS.tsv SECONDS. Prints events a second; ends with
 * 1 where another number of rules fires than the plain C reference found.
 *
 * CLIPS has no patterns: the domain of the address is a fact of its own, which flatters it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <clips/clips.h>

#define COLUMNS 9
#define EVENTS_MOST 100000

struct event {
	char *column[COLUMNS];
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int cut(char *line, char **column)
{
	int n = 0;

	line[strcspn(line, "\n")] = '\0';
	for (char *at = line; at && n < COLUMNS; n++) {
		column[n] = at;
		at = strchr(at, '\t');
		if (at)
			*at++ = '\0';
	}
	return n;
}

static void build(void *clips, const char *text)
{
	if (!EnvBuild(clips, text)) {
		fprintf(stderr, "clips: refused: %s\n", text);
		exit(1);
	}
}

static void read_rules(void *clips, const char *path)
{
	char line[512], rule[1024], *c[COLUMNS];
	FILE *in = fopen(path, "r");

	build(clips, "(deftemplate event (slot property) (slot value) (slot domain)"
		     " (slot n0) (slot n1) (slot n2) (slot n3) (slot n4))");
	for (int i = 0; in && fgets(line, sizeof(line), in); i++) {
		cut(line, c);
		snprintf(
			rule, sizeof(rule),
			"(defrule r%d (event (property %s) (value %s) (domain %s|%s) (n%s ?n&:(>= ?n %s))) =>)",
			i, c[0], c[1], c[2], c[3], c[4], c[5]);
		build(clips, rule);
	}
	if (!in || fclose(in))
		exit(1);
}

static size_t read_events(const char *path, struct event *event)
{
	char line[512];
	size_t n = 0;
	FILE *in = fopen(path, "r");

	for (; in && n < EVENTS_MOST && fgets(line, sizeof(line), in); n++)
		if (cut(strdup(line), event[n].column) != COLUMNS)
			exit(1);
	if (!in || fclose(in) || !n)
		exit(1);
	return n;
}

static void put(void *clips, struct fact *fact, const char *slot, int type, void *value)
{
	DATA_OBJECT data;

	SetType(data, type);
	SetValue(data, value);
	EnvPutFactSlot(clips, fact, slot, &data);
}

/* How many rules fire. */
static long long match(void *clips, void *template, const struct event *e)
{
	static const char *const numbers[] = { "n0", "n1", "n2", "n3", "n4" };
	struct fact *fact = EnvCreateFact(clips, template);
	const char *domain = strchr(e->column[2], '@');

	put(clips, fact, "property", SYMBOL, EnvAddSymbol(clips, e->column[0]));
	put(clips, fact, "value", SYMBOL, EnvAddSymbol(clips, e->column[1]));
	put(clips, fact, "domain", SYMBOL, EnvAddSymbol(clips, domain + 1));
	for (int i = 0; i < 5; i++)
		put(clips, fact, numbers[i], INTEGER, EnvAddLong(clips, atoll(e->column[3 + i])));
	fact = EnvAssert(clips, fact);
	long long fired = EnvRun(clips, -1);
	EnvRetract(clips, fact);
	return fired;
}

int main(int argc, char **argv)
{
	static struct event event[EVENTS_MOST];
	void *clips = CreateEnvironment();

	if (argc != 4)
		return 2;
	read_rules(clips, argv[1]);
	EnvReset(clips);
	void *template = EnvFindDeftemplate(clips, "event");
	size_t n = read_events(argv[2], event), done = 0;
	double from = now_s(), seconds = atof(argv[3]);
	for (; now_s() - from < seconds; done++) {
		const struct event *e = &event[done % n];
		if (match(clips, template, e) != atoll(e->column[8])) {
			fprintf(stderr, "clips: another number of rules fired than %s\n",
				e->column[8]);
			return 1;
		}
	}
	printf("%.1f\n", (double)done / (now_s() - from));
	return 0;
}
