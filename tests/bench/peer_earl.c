#include "bench/peer_earl.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bench/wires.h"
#include "lib/wait.h"

#define NAME "upstairs" /* a terminal with a door; it knows a few names */
#define FIRST_CARD 0x10000000L

/* --- the terminal -------------------------------------------------------------------------- */

/* Its thread answers every command at once, as the firmware does; Earl asks for its name every
 * few seconds and gives a line up that stays silent. */
struct earl_terminal {
    int line, other_end; /* of the pseudo-terminal; ours, and one kept open so that it stays up */
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t tone_ns, green_ns; /* since the last card; 0 = not yet */
};

static void take_command(struct earl_terminal *t, const char *command)
{
    int64_t now = wait_now_ns();
    char reply[32];
    int n = command[0] == 'n' ? snprintf(reply, sizeof reply, "n" NAME "\r\n")
                              : snprintf(reply, sizeof reply, "%c\r\n", command[0]);
    if (write(t->line, reply, (size_t)n) != n) {
        lib_say("the terminal's line is full");
    }
    pthread_mutex_lock(&t->lock);
    if (t->tone_ns == 0 && strncmp(command, "TH", 2) == 0) {
        t->tone_ns = now;
    }
    if (t->green_ns == 0 && strncmp(command, "LG", 2) == 0) {
        t->green_ns = now;
    }
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static void *serve(void *context)
{
    struct earl_terminal *t = context;
    char line[256];
    size_t len = 0;
    while (!atomic_load(&t->stop)) {
        struct pollfd p = {.fd = t->line, .events = POLLIN};
        char c;
        if (poll(&p, 1, 50) != 1) {
            continue;
        }
        if (read(t->line, &c, 1) != 1) {
            break;
        }
        if (c == '\n' || c == '\r') {
            line[len] = '\0';
            if (len > 0) {
                take_command(t, line);
            }
            len = 0;
        } else if (len + 1 < sizeof line) {
            line[len++] = c;
        }
    }
    return NULL;
}

static struct earl_terminal *terminal_open(char name[64])
{
    struct earl_terminal *t = calloc(1, sizeof *t);
    struct termios raw;
    pthread_condattr_t how;
    if (t == NULL) {
        return NULL;
    }
    t->line = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool good = t->line >= 0 && grantpt(t->line) == 0 && unlockpt(t->line) == 0 &&
                ptsname_r(t->line, name, 64) == 0;
    t->other_end = good ? open(name, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;
    good = t->other_end >= 0 && tcgetattr(t->other_end, &raw) == 0;
    if (good) {
        cfmakeraw(&raw);
        good = tcsetattr(t->other_end, TCSANOW, &raw) == 0;
    }
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&how);
    pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &how);
    pthread_condattr_destroy(&how);
    if (!good || pthread_create(&t->thread, NULL, serve, t) != 0) {
        lib_say("no pseudo-terminal");
        close(t->line);
        close(t->other_end);
        free(t);
        return NULL;
    }
    return t;
}

static void terminal_close(struct earl_terminal *t)
{
    if (t != NULL) {
        atomic_store(&t->stop, true);
        pthread_join(t->thread, NULL);
        close(t->line);
        close(t->other_end);
        pthread_cond_destroy(&t->changed);
        pthread_mutex_destroy(&t->lock);
        free(t);
    }
}

/* A card, and when the terminal was told what; false if it was not told in time. */
static bool present(struct earl_terminal *t, long card, const struct earl_times *to)
{
    char text[32];
    struct timespec end;
    int n = snprintf(text, sizeof text, "I4 %08lX\r\n", card);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += WAIT_MS / 1000;
    pthread_mutex_lock(&t->lock);
    t->tone_ns = t->green_ns = 0;
    int64_t before = wait_now_ns();
    bool good = write(t->line, text, (size_t)n) == n;
    while (good && (t->tone_ns == 0 || t->green_ns == 0)) {
        good = pthread_cond_timedwait(&t->changed, &t->lock, &end) == 0;
    }
    if (good) {
        series_add_ns(to->tone, before, t->tone_ns);
        series_add_ns(to->green, before, t->green_ns);
    }
    pthread_mutex_unlock(&t->lock);
    return good;
}

/* --- its file ------------------------------------------------------------------------------ */

static void code_of(char out[33], const char *salt, long card)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    char text[256];
    int n = snprintf(text, sizeof text, "%s%08lX", salt, card);
    unsigned len = 0;
    out[0] = '\0';
    if (n > 0 && (size_t)n < sizeof text &&
        EVP_Digest(text, (size_t)n, sum, &len, EVP_md5(), NULL) == 1) {
        for (unsigned i = 0; i < len && i < 16; i++) {
            snprintf(out + (size_t)i * 2, 3, "%02x", sum[i]);
        }
    }
}

/* name, contact, level, sponsors, from, to, codes: people who may come at any hour. */
static bool write_people(const char *path, const char *salt, long people)
{
    FILE *f = fopen(path, "we");
    if (f == NULL) {
        return false;
    }
    for (long i = 0; i < people; i++) {
        char code[33];
        code_of(code, salt, FIRST_CARD + i);
        fprintf(f, "Person %ld,person-%ld,philanthropist,bench,2020-01-01 00:00,,%s\n", i, i, code);
    }
    bool good = ferror(f) == 0;
    return fclose(f) == 0 && good;
}

/* --- the program ------------------------------------------------------------------------------ */

bool earl_is_absent(char why[200])
{
    const char *program = getenv("GATEHOUSE_PEER_EARL"), *salt = getenv("GATEHOUSE_PEER_EARL_SALT");
    if (program == NULL || access(program, X_OK) != 0) {
        snprintf(why, 200, "GATEHOUSE_PEER_EARL does not name its program");
        return true;
    }
    if (salt == NULL || salt[0] == '\0') {
        snprintf(why, 200, "GATEHOUSE_PEER_EARL_SALT is not set");
        return true;
    }
    if (access("/sys/class/gpio/export", F_OK) == 0) {
        snprintf(why, 200, "it would drive the GPIO lines of this machine");
        return true;
    }
    return false;
}

bool earl_open(struct earl *e, long people)
{
    char users[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX], line[64];
    *e = (struct earl){.people = people};
    if (!folder_make(&e->folder) || !folder_file(&e->folder, "users.csv", users) ||
        !folder_file(&e->folder, "earl.log", log) ||
        !write_people(users, getenv("GATEHOUSE_PEER_EARL_SALT"), people)) {
        return false;
    }
    e->terminal = terminal_open(line);
    const char *argv[] = {getenv("GATEHOUSE_PEER_EARL"), "-users", users, line, NULL};
    return e->terminal &&
           process_start(&e->process, &(struct process_options){.argv = argv, .log_path = log}) &&
           process_wait_text(&e->process, "connected to '" NAME "'", WAIT_MS, NULL, 0);
}

void earl_close(struct earl *e)
{
    process_kill(&e->process);
    terminal_close(e->terminal);
    folder_remove(&e->folder);
    e->terminal = NULL;
}

bool earl_round(struct earl *e, int times, const struct earl_times *to)
{
    bool good = true;
    for (int i = 0; i < times && good; i++) {
        wait_pause_ms(WIRES_PAUSE_MS);
        good = present(e->terminal, FIRST_CARD + e->reads++ % e->people, to);
    }
    if (!good) {
        lib_say("Earl does not open the door");
        process_show_log(&e->process);
    }
    series_end_round(to->tone);
    series_end_round(to->green);
    return good;
}
