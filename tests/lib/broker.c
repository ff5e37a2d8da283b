#include "lib/broker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/port.h"
#include "lib/wait.h"

/* Debian puts it into /usr/sbin, which is not in everyone's PATH. */
static const char *program(void)
{
    return access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";
}

bool broker_start_again(struct broker *broker)
{
    char config[FOLDER_PATH_MAX];
    char port[8];
    if (!place_repo_file("broker-config/mosquitto.conf", config)) {
        return false;
    }
    snprintf(port, sizeof port, "%d", broker->port);
    const char *argv[] = {program(), "-c", config, "-p", port, NULL};
    struct process_options options = {.argv = argv, .log_path = broker->log};
    if (!process_start(&broker->process, &options)) {
        return false;
    }
    if (!port_wait_open(broker->port, WAIT_MS) || !process_is_alive(&broker->process)) {
        lib_say("mosquitto does not listen on port %d", broker->port);
        process_show_log(&broker->process);
        process_kill(&broker->process);
        return false;
    }
    return true;
}

bool broker_start(struct broker *broker, const struct folder *folder)
{
    struct broker fresh = {.port = port_free()};
    if (fresh.port == 0 || !folder_file(folder, "mosquitto.log", fresh.log) ||
        !broker_start_again(&fresh)) {
        return false;
    }
    *broker = fresh;
    return true;
}

bool broker_stop(struct broker *broker)
{
    return process_stop(&broker->process);
}

bool broker_kill(struct broker *broker)
{
    return process_kill(&broker->process);
}

bool broker_freeze(struct broker *broker)
{
    return process_signal(&broker->process, SIGSTOP);
}

bool broker_thaw(struct broker *broker)
{
    return process_signal(&broker->process, SIGCONT);
}

void broker_end(struct broker *broker)
{
    (void)process_stop(&broker->process);
}
