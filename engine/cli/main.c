#include <fcntl.h>
#include <unistd.h>

#include "engine/cli/cli.h"

/*
 * Where whoever started us closed stdin, stdout or stderr, the next file that is opened would take its
 * number, and be read or written as if it were it. Open for reading alone: a result that nobody gets
 * stays an error.
 */
static void hold_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	hold_standard_files();
	return cli_main(argc, argv);
}
