/*
 * fuzz - what all targets share: the entry point, a claim that holds in every
 * build, and a reader that turns fuzzed bytes into choices.
 *
 * A target is one file with one LLVMFuzzerTestOneInput. libFuzzer calls it under
 * VARIANT=fuzz; everywhere else tests/fuzz/replay.c does, with files.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What does not hold ends the process, so that the fuzzer keeps the input. */
#define must(claim)                                                                                \
	do {                                                                                       \
		if (!(claim)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #claim); \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What is left of the input. Behind its end stand zeros. */
struct input {
	const uint8_t *at, *end;
};

static inline uint8_t input_byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* A choice of n things. */
static inline size_t input_pick(struct input *in, size_t n)
{
	return input_byte(in) % n;
}

static inline int64_t input_integer(struct input *in)
{
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | input_byte(in);
	return (int64_t)n;
}

/* All up to the separator, which is gone, too. */
static inline struct slice input_until(struct input *in, uint8_t separator)
{
	const uint8_t *from = in->at;

	while (in->at < in->end && *in->at != separator)
		in->at++;
	struct slice text = { (const char *)from, (size_t)(in->at - from) };
	in->at += in->at < in->end;
	return text;
}

static inline struct slice input_rest(struct input *in)
{
	struct slice text = { (const char *)in->at, (size_t)(in->end - in->at) };

	in->at = in->end;
	return text;
}

#endif
