/* One life of a gateway that ends by a power cut: runs in the guest, on an ext4 disk, until the
 * guest is killed. tests/hardware/powercut is the other half.
 *
 *   powercut_life DISK SEQ CHANCES    DISK: where the disk is mounted. SEQ: the last event that
 *                                     an earlier life said to be durable; 0 = this is the first.
 *                                     CHANCES 0: the last life, which ends in order.
 *
 * What it finds wrong, and what it knows to be durable, goes to standard output, a line each:
 * "up", "durable SEQ", "wrong TEXT", "done". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/json/json.h"
#include "app/control.h"
#include "lib/folder.h"
#include "lib/gpiosim.h"
#include "lib/process.h"
#include "lib/wait.h"

#define STRIKE 0
#define MAGLOCK 1

static struct process gatehoused;
static char control[FOLDER_PATH_MAX];
static struct gpiosim *chip;

static void wrong(const char *text)
{
    printf("wrong %s\n", text);
    fflush(stdout);
}

static bool write_config(const char *disk, char path[FOLDER_PATH_MAX])
{
    static const char format[] =
        "[site]\nid = hq\ngateway = gw-1\nstate_dir = %s/state\nrun_dir = /run/gatehouse\n"
        "battery_clock = yes\n"
        "[broker]\nport = 1\n"
        "[door d0]\nrelay = power:0\nactive = high\nlock = fail_secure\n"
        "[door d1]\nrelay = power:1\nactive = high\nlock = fail_safe\n";
    snprintf(path, FOLDER_PATH_MAX, "/tmp/power.conf");
    FILE *f = fopen(path, "w");
    return f && fprintf(f, format, disk) > 0 && fclose(f) == 0;
}

static bool keep(void *context, struct slice text)
{
    struct json **answer = context;
    *answer = json_parse_object(text, NULL, 0);
    return false;
}

static struct json *ask(const char *request)
{
    struct json *answer = NULL;
    if (control_call(control, slice_of(request), WAIT_MS, keep, &answer) != GH_OK)
        return NULL;
    return answer;
}

/* A number of the journal's; -1 if nobody answers. */
static int64_t journal_number(const char *name)
{
    int64_t n = -1;
    struct json *status = ask("{\"call\":\"status\"}");
    const struct json *journal = status ? json_child(status, "journal") : NULL;
    if (journal)
        json_int(journal, name, &n);
    json_free(status);
    return n;
}

static bool answers(void *context)
{
    (void)context;
    return journal_number("next_seq") > 0;
}

static bool is_durable(void *context)
{
    const int64_t *seq = context;
    return journal_number("durable_seq") >= *seq;
}

static bool are_locked(void *context)
{
    (void)context;
    return gpiosim_value(chip, STRIKE) == 0 && gpiosim_value(chip, MAGLOCK) == 1;
}

static bool are_released(void *context)
{
    (void)context;
    return gpiosim_value(chip, STRIKE) == 1 && gpiosim_value(chip, MAGLOCK) == 0;
}

static bool start(const char *disk)
{
    char config[FOLDER_PATH_MAX], program[FOLDER_PATH_MAX];
    snprintf(control, sizeof control, "/run/gatehouse/" CONTROL_SOCKET);
    chip = gpiosim_make("power", 4, NULL);
    if (!chip || !gpiosim_pull(chip, MAGLOCK, true) || !gpiosim_record() ||
        !write_config(disk, config) || !place_program("gatehoused", program))
        return false;
    const char *const argv[] = {program, "--config", config, NULL};
    return process_start(&gatehoused, &(struct process_options){.argv = argv,
                                                                .log_path = "/tmp/gatehoused.log"}) &&
           wait_until(answers, NULL, 3 * WAIT_MS);
}

/* After a cut: nothing that was durable is gone, and no door opens by itself. */
static void look(int64_t seq)
{
    char *record = gpiosim_recorded(chip);
    if (!record || strstr(record, "0=1") || strstr(record, "1=0"))
        wrong("a line was driven to released at the start");
    free(record);
    if (!wait_until(are_locked, NULL, WAIT_MS))
        wrong("a door is not locked after the start");
    if (journal_number("next_seq") <= seq)
        wrong("a durable event is gone");
}

static bool release_once(void)
{
    struct json *a = ask("{\"call\":\"relay_test\",\"door\":\"d0\"}");
    struct json *b = ask("{\"call\":\"relay_test\",\"door\":\"d1\"}");
    int64_t seq = journal_number("next_seq") - 1;
    bool good = a && b && wait_until(are_released, NULL, WAIT_MS) &&
                wait_until(is_durable, &seq, WAIT_MS);
    json_free(a);
    json_free(b);
    if (good) {
        printf("durable %" PRId64 "\n", seq);
        fflush(stdout);
    }
    return good && wait_until(are_locked, NULL, WAIT_MS);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    int64_t seq = strtoll(argv[2], NULL, 10);
    long chances = strtol(argv[3], NULL, 10);
    if (!start(argv[1])) {
        process_show_log(&gatehoused);
        wrong("gatehoused does not start");
        return 1;
    }
    look(seq);
    printf("up\n");
    fflush(stdout);
    for (long i = 0; i < chances; i++)
        if (!release_once()) {
            wrong("a release did not come to its end");
            break;
        }
    if (!process_stop(&gatehoused))
        wrong("gatehoused does not stop");
    gpiosim_free(chip);
    printf("done\n");
    return 0;
}
