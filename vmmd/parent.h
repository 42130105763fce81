/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parent.h - the process that listens and starts workers.
 */
#ifndef VMMD_PARENT_H
#define VMMD_PARENT_H

#include <stdbool.h>
#include <sys/types.h>

enum parent_instance { PARENT_SYSTEM, PARENT_USER, PARENT_PRIVATE };

struct parent_config {
	enum parent_instance instance;
	const char *socket; /* path to listen on; NULL: none (private instance without a directory) */
	mode_t mode;	    /* of the socket */
	int private_fd;	    /* the one connection of a private instance, or -1; owned by parent_run() */
};

/*
 * Serve until SIGTERM, SIGINT or SIGHUP, a private instance until its last
 * session and connection are gone. 0 or -errno after saying why.
 */
int parent_run(const struct parent_config *);

#endif
