#include "lib/broker.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/port.h"
#include "lib/wait.h"

/* Debian puts it into /usr/sbin, which is not in everyone's PATH. */
static const char *program(void)
{
    return access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto";
}

/* Writes a configuration that takes in the shipped one as it is, and keeps a broker
 * that root starts from changing its user: with that the kernel would forget to end
 * it when the test dies. */
static bool write_config(struct broker *broker, const struct folder *folder)
{
    char shipped[FOLDER_PATH_MAX];
    char included[FOLDER_PATH_MAX];
    char own[FOLDER_PATH_MAX + 32];
    if (!place_repo_file("broker-config/mosquitto.conf", shipped) ||
        !folder_file(folder, "broker.d", included) ||
        !folder_file(folder, "broker.conf", broker->config)) {
        return false;
    }
    snprintf(own, sizeof own, "user root\ninclude_dir %s\n", included);
    if (!folder_write(folder, "broker.conf", own, 0600) || mkdir(included, 0700) != 0 ||
        !folder_file(folder, "broker.d/mosquitto.conf", included) ||
        symlink(shipped, included) != 0) {
        lib_say("cannot write the broker's configuration");
        return false;
    }
    return true;
}

bool broker_start_again(struct broker *broker)
{
    char port[8];
    snprintf(port, sizeof port, "%d", broker->port);
    const char *argv[] = {program(), "-c", broker->config, "-p", port, NULL};
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

bool broker_prepare(struct broker *broker, const struct folder *folder)
{
    struct broker fresh = {.port = port_free()};
    if (fresh.port == 0 || !folder_file(folder, "mosquitto.log", fresh.log) ||
        !write_config(&fresh, folder)) {
        return false;
    }
    *broker = fresh;
    return true;
}

bool broker_start(struct broker *broker, const struct folder *folder)
{
    return broker_prepare(broker, folder) && broker_start_again(broker);
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
