/*
 * skew - another machine's clock, learnt from the Date of its answers.
 *
 * Date has whole seconds and was written somewhere between our sending and our
 * receiving, so each answer bounds the difference of the two clocks; bounds are
 * intersected, and begin anew when they contradict each other (a clock was
 * set). Our own clock is believed as far as the bounds allow; else the lower
 * bound is taken, so that nothing is decided too early.
 */
#ifndef ENGINE_SKEW_H
#define ENGINE_SKEW_H

#include <stdbool.h>
#include <stdint.h>

struct skew {
	bool known;
	int64_t low_ms, high_ms; /* their clock minus ours */
};

void skew_observe(struct skew *s, int64_t sent_ms, int64_t received_ms, int64_t date_ms);
/* Our clock was set by so much: what is known of theirs, if anything is, stays known. */
void skew_shift(struct skew *s, int64_t by_ms);
/* Their clock less ours; 0 while nothing is known. */
int64_t skew_offset(const struct skew *s);

/* So much apart that somebody should set a clock: 5 s, less is what clocks do. */
bool skew_is_seen(int64_t offset_ms);

#define SKEW_TEXT 96
/* Such an offset in words for people: "ours is about 2h behind the account's". */
const char *skew_say(int64_t offset_ms, char out[SKEW_TEXT]);

#endif
