#include "base/log.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"

#define LINE_BYTES (16u * 1024)

static const char *const names[] = { "debug", "info", "warn", "error" };
static const char *const colours[] = { "\033[2m", "", "\033[33m", "\033[31m" };

bool log_level_of(const char *name, enum log_level *out)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
		if (strcmp(name, names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/*
 * A value with a space, a quote or nothing in it is quoted, so that a line splits in one way
 * only.
 */
static void add_value(struct str *line, const char *value)
{
	if (value[0] && !strpbrk(value, " \"=")) {
		str_add_shown(line, slice_of(value));
		return;
	}
	str_add_char(line, '"');
	while (*value) {
		size_t len = strcspn(value, "\"");
		str_add_shown(line, (struct slice){ value, len });
		value += len;
		if (*value) {
			str_add_char(line, '\'');
			value++;
		}
	}
	str_add_char(line, '"');
}

static void add_text(struct str *line, const struct log *log, enum log_level level,
		     const char *when, const char *fact, va_list args)
{
	str_addf(line, "%s %s%-5s%s %s", when, log->colour ? colours[level] : "", names[level],
		 log->colour && colours[level][0] ? "\033[0m" : "", fact);
	for (const char *key; (key = va_arg(args, const char *));) {
		const char *value = va_arg(args, const char *);
		if (!value)
			continue;
		str_addf(line, " %s=", key);
		add_value(line, value);
	}
}

static void add_json(struct str *line, enum log_level level, const char *when, const char *fact,
		     va_list args)
{
	str_addf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"fact\":", when, names[level]);
	str_add_json(line, slice_of(fact));
	for (const char *key; (key = va_arg(args, const char *));) {
		const char *value = va_arg(args, const char *);
		if (!value)
			continue;
		str_addf(line, ",\"%s\":", key);
		str_add_json(line, slice_of(value));
	}
	str_add_char(line, '}');
}

void log_line(const struct log *log, enum log_level level, const char *fact, ...)
{
	char when[CLOCK_TEXT];
	struct str line;
	va_list args;

	if (!log->out || level < log->level)
		return;
	clock_format(log->now_ms(log->ctx), when);
	str_init(&line, LINE_BYTES);
	va_start(args, fact);
	if (log->json)
		add_json(&line, level, when, fact, args);
	else
		add_text(&line, log, level, when, fact, args);
	va_end(args);
	if (line.overflow)
		fprintf(log->out,
			log->json
				? "{\"time\":\"%s\",\"level\":\"%s\",\"fact\":\"a line that was too long\"}\n"
				: "%s %s a line that was too long\n",
			when, names[level]);
	else
		fprintf(log->out, "%s\n", str_text(&line));
	fflush(log->out);
	str_release(&line);
}
