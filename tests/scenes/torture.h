/*
 * torture - one life of a scene, and a fork of it, a victim, for each thing that can fail at each of its
 * places. Not for what a life needs to know of it: that is in scene.h.
 */
#ifndef TESTS_SCENES_TORTURE_H
#define TESTS_SCENES_TORTURE_H

#include "tests/scenes/scene.h"

/* What they came to, summed over all forks. */
struct toll {
	uint64_t places, lives, failed, requests, unknown;
	uint64_t shared; /* forks that became what another had been, which lived on for both */
	uint64_t ended;	 /* at once, for want of memory */
	uint64_t seen[1u << 21]; /* what they had become: torture_settled */
};

/* A fork that lives, and what it suffers. */
struct victim {
	int pid; /* 0: none */
	struct torment torment;
};
#define VICTIMS_MOST 16

/* Every scene's torture. */
struct tortures {
	int most;      /* lives of one scene, about; 0: all */
	int jobs;      /* forks at once */
	uint64_t from; /* the scene that is the first; those before it were done in another run */
	int round;     /* of the kinds that are alike, one at each place; -1: all */
	bool memory; /* what fails are allocations; else requests and the disk, or one of them alone */
	bool requests_alone, disk_alone;
	const char *only;      /* words in a torment's name, or NULL */
	struct torment replay; /* with .nth: this alone, in a life of its own */
	FILE *log;
	struct toll *toll; /* in memory that forks share */
	/* ---- torture.c alone ---- */
	uint64_t places, every, turn, failed_before, scenes;
	bool counting;
	int ready[2]; /* a pipe: a fork tells that it shares nothing any more */
	const struct scene *scene;
	struct victim victim[VICTIMS_MOST];
	bool fork;    /* this is one … */
	bool settled; /* … that has been asked whether another became the same */
	struct torment torment;
	struct variant variant;
};

void tortures_begin(struct tortures *all);
void torture(struct tortures *all, const struct scene *s);
/* What came of all of it; whether nothing failed. */
bool tortures_end(const struct tortures *all);

/* ---- parts, for one another ---------------------------------------------------- */

void toll_add(uint64_t *sum, uint64_t n);
/* What failed, and what lives it again from the start. */
void victim_report(const struct scene *s, const struct torment *t, const char *why);
/* Whether this is the fork; else *how it went on (torture_ready), where the state is on a disk. */
bool victim_fork(struct tortures *all, const struct torment *t, char *how);
/* From here on the life is one that suffers this. */
void victim_be(struct life *l, struct tortures *all, const struct torment *t);
/* Waits until none lives. */
void victims_bury(struct tortures *all);
/* In a fork: it shares nothing any more (`s`), or has ended without that. Its parent goes on. */
void torture_ready(struct tortures *all, char how);
/* A fork ended for want of memory; NULL: as it should. */
_Noreturn void torture_ended(struct tortures *all, bool alone, const char *wrong);
/* From here on allocations of this process fail so: memory.c. */
void memory_victim(struct tortures *all, const struct torment *t);

#endif
