#include "engine/cli/guard.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void guard_process(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	umask(0077);
	(void)signal(SIGUSR1, SIG_IGN);
}

bool guard_is_root(void)
{
	return geteuid() == 0;
}
