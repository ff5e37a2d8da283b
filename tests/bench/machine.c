#include "bench/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

static void processor(char out[128])
{
    char line[256];
    snprintf(out, 128, "unknown processor");
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *colon = strchr(line, ':');
        /* "model name" on x86, "Model" on a Raspberry Pi */
        if (colon && (strncmp(line, "model name", 10) == 0 || strncmp(line, "Model", 5) == 0)) {
            colon[strcspn(colon, "\n")] = '\0';
            snprintf(out, 128, "%.100s", colon + 1 + strspn(colon + 1, " "));
            break;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
}

/* Type and source of the mount that holds path, by the device's number. */
static void file_system(char out[128], const char *path)
{
    struct stat st;
    char line[1024], dev[32];
    snprintf(out, 128, "unknown file system");
    if (stat(path, &st) != 0) {
        return;
    }
    snprintf(dev, sizeof dev, " %u:%u ", major(st.st_dev), minor(st.st_dev));
    FILE *f = fopen("/proc/self/mountinfo", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *rest = strstr(line, " - "), *save = NULL;
        if (rest == NULL || strstr(line, dev) == NULL) {
            continue;
        }
        const char *type = strtok_r(rest + 3, " ", &save);
        const char *source = strtok_r(NULL, " \n", &save);
        snprintf(out, 128, "%.30s on %.60s", type ? type : "?", source ? source : "?");
        break;
    }
    if (f != NULL) {
        fclose(f);
    }
}

void machine_describe(char *out, size_t size, const char *path)
{
    char cpu[128], fs[128];
    double load[1] = {0};
    struct utsname name;
    processor(cpu);
    file_system(fs, path);
    (void)getloadavg(load, 1);
    if (uname(&name) != 0) {
        snprintf(name.release, sizeof name.release, "?");
    }
    snprintf(out, size, "%ld cores, %s, Linux %.60s, %s, load %.1f at the start",
             sysconf(_SC_NPROCESSORS_ONLN), cpu, name.release, fs, load[0]);
    for (char *c = out; *c; c++) {
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') {
            *c = '?';
        }
    }
}
