/* A real mosquitto on a private port, with the configuration that we ship. */
#ifndef TESTS_LIB_BROKER_H
#define TESTS_LIB_BROKER_H

#include <stdbool.h>

#include "lib/folder.h"
#include "lib/process.h"

struct broker {
    struct process process;
    int port; /* on 127.0.0.1; the same after a restart */
    char log[FOLDER_PATH_MAX];
    char config[FOLDER_PATH_MAX]; /* takes in the shipped file */
};

/* Chooses its port and writes its configuration; broker_start_again starts it. The
 * folder must outlive it; one broker for a folder. */
bool broker_prepare(struct broker *broker, const struct folder *folder);

/* Prepares it, starts it and waits until it accepts connections. */
bool broker_start(struct broker *broker, const struct folder *folder);
/* Ends it in order (SIGTERM): clients see their connection closed. */
bool broker_stop(struct broker *broker);
/* kill -9. */
bool broker_kill(struct broker *broker);
/* Starts it again on its port after broker_stop or broker_kill. It remembers
 * nothing: no sessions, no retained messages. */
bool broker_start_again(struct broker *broker);
/* SIGSTOP and SIGCONT: connections stay open and nothing answers. */
bool broker_freeze(struct broker *broker);
bool broker_thaw(struct broker *broker);
/* Stops it if it runs; for teardown, also of one that never started. */
void broker_end(struct broker *broker);

#endif
