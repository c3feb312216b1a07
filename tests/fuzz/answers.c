/*
 * Bytes from other machines: JSON and the written forms of time. Reading ends,
 * and what was read can be written and read again.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_times(struct slice text)
{
	struct civil day;
	int64_t ms;
	bool date;

	(void)clock_parse_date(text, &day);
	(void)clock_parse_datetime(text, &ms);
	(void)clock_parse_value(text, &ms, &date);
	(void)clock_parse_http(text, &ms);
	(void)clock_parse_duration(text, &ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct err err;
	struct str out;

	read_times(text);
	struct json *v = json_parse(text, &err);
	if (!v)
		return 0;
	str_init(&out, LIMIT_ANSWER_BYTES);
	json_dump(v, &out);
	struct json *again = json_parse(str_slice(&out), &err);
	if (!again)
		abort();
	json_free(again);
	json_free(v);
	str_release(&out);
	return 0;
}
