/* A box whose broker has accounts: a folder of its own, gatehousectl, and mosquitto with the
 * configuration of an installed box, where only paths and ports are others. What asks systemd
 * for something asks a stand-in, which notes it. */
#ifndef TESTS_SYSTEM_ACCOUNTS_FIXTURE_H
#define TESTS_SYSTEM_ACCOUNTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/json/json.h"
#include "lib/ctl.h"
#include "lib/cut.h"
#include "lib/folder.h"
#include "lib/process.h"
#include "lib/wait.h"

static struct folder folder;
static char config[FOLDER_PATH_MAX], out_dir[FOLDER_PATH_MAX], shipped_acl[FOLDER_PATH_MAX];

#define shell(...) assert_true(process_shell(WAIT_MS, __VA_ARGS__))
#define SAID(...) ((const char *const[]){__VA_ARGS__, NULL})

/* True if the command of the shell ends well in the test's folder. */
static inline bool is_true(const char *format, ...)
{
    char command[1400], text[2000];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    snprintf(text, sizeof text, "cd '%s' && { %s; }", folder.path, command);
    const char *const argv[] = {"sh", "-c", text, NULL};
    return process_run(argv, NULL, WAIT_MS, NULL, NULL) == 0;
}

#define must(...)                                                                                  \
    do {                                                                                           \
        if (!is_true(__VA_ARGS__))                                                                 \
            fail_msg("not so, in %s: " #__VA_ARGS__, folder.path);                                 \
    } while (0)

/* Runs gatehousectl, which must end with this status and say part; what it said, owned. */
__attribute__((noinline)) static char *ctl_says(int status, const char *part, const char *const *words)
{
    char *said = NULL;
    int got = ctl_run(config, NULL, words, &said);
    if (got != status || !strstr(said, part))
        fail_msg("%s %s %s ended with %d and said: %s\nwanted %d: %s", words[0], words[1] ? words[1] : "",
                 words[1] && words[2] ? words[2] : "", got, said, status, part);
    return said;
}
#define ctl(status, part, ...) free(ctl_says(status, part, SAID(__VA_ARGS__)))

/* What stands in systemctl's place: notes what it is asked, and answers is-active with the
 * status in the file active. */
#define SYSTEMCTL                                                                                  \
    "#!/bin/sh\necho \"$*\" >> '%s/asked'\n"                                                       \
    "case $2 in is-active) exit $(cat '%s/active');; reload) kill -HUP $(cat '%s/pid');; "         \
    "restart) test ! -e '%s/restart-fails';; esac\n"

static inline bool write_box(void)
{
    char text[2048], path[2200];
    const char *p = folder.path;
    snprintf(text, sizeof text,
             "[site]\nid = hq\ngateway = gw-1\nstate_dir = %s/state\nrun_dir = %s/run\n"
             "[broker]\nport = 1\nusername = @gatehoused\npassword_file = %s/etc/broker.password\n"
             "dir = %s/etc/broker\n"
             "[door front]\nrelay = sim:1\nlock = fail_secure\nactive = high\n"
             "[panel desk]\nactions = lockdown\ndoors = all\n"
             "[panel a:b]\nactions = lockdown\ndoors = all\n",
             p, p, p, p);
    if (!process_shell(WAIT_MS, "mkdir -p '%s/etc' '%s/state' '%s/bin' '%s/out'", p, p, p, p) ||
        !folder_write(&folder, "etc/gatehouse.conf", text, 0644))
        return false;
    snprintf(text, sizeof text, SYSTEMCTL, p, p, p, p);
    snprintf(path, sizeof path, "%s/bin:%s", p, getenv("PATH"));
    return folder_write(&folder, "bin/systemctl", text, 0755) && folder_write(&folder, "active", "3\n", 0644) &&
           folder_write(&folder, "asked", "", 0644) && setenv("PATH", path, 1) == 0;
}

static inline int box_begin(void **state)
{
    (void)state;
    return folder_make(&folder) && folder_file(&folder, "etc/gatehouse.conf", config) &&
                   folder_file(&folder, "out", out_dir) &&
                   place_repo_file("broker-config/acl", shipped_acl) && write_box()
               ? 0
               : -1;
}

static inline int box_end(void **state)
{
    (void)state;
    folder_remove(&folder);
    return 0;
}

/* Nothing was ever set up. */
static inline int box_bare(void **state)
{
    (void)state;
    return is_true("rm -rf etc/broker etc/broker.password out state restart-fails && mkdir out state && "
                   "echo 3 > active && : > asked")
               ? 0
               : -1;
}

/* Setup has run: once for the program, and then it is that one again. */
static inline int box_set_up(void **state)
{
    if (box_bare(state) != 0)
        return -1;
    if (is_true("test -e fresh"))
        return is_true("cp -a fresh/broker fresh/broker.password etc") ? 0 : -1;
    ctl(0, "made", "broker", "setup", "--acl", shipped_acl, "--address", "127.0.0.1");
    return is_true("mkdir fresh && cp -a etc/broker etc/broker.password fresh") ? 0 : -1;
}

/* What lies in etc, byte for byte. */
#define DIGESTS(to) must("cd etc && find . -type f | sort | xargs sha256sum > ../" to)

/* Adds an account with a password, and says which. */
static inline void add_with_password(const char *kind, const char *id, char out[64])
{
    char *said = ctl_says(0, "\"ok\":true", SAID("--json", kind, "add", id, "--password"));
    struct json *v = json_parse_object(slice_make(said, strcspn(said, "\n")), NULL, 0);
    struct slice line, password;
    assert_non_null(v);
    assert_true(json_text(v, "provisioning", &line));
    struct json *p = json_parse_object(line, NULL, 0);
    assert_non_null(p);
    assert_true(json_text(p, "password", &password));
    snprintf(out, 64, "%.*s", (int)password.len, password.ptr);
    json_free(p);
    json_free(v);
    free(said);
}

#endif
