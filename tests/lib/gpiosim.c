#include "lib/gpiosim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/folder.h"
#include "lib/wait.h"

#define CONFIG_DIR "/sys/kernel/config/gpio-sim"
#define TRACE_DIR "/sys/kernel/tracing"
#define LABEL_MAX 64
#define TRACE_RECORD_MAX 16 /* bytes that one level needs in the text */

struct gpiosim {
    char dir[FOLDER_PATH_MAX];  /* of the configuration */
    char lines[FOLDER_PATH_MAX]; /* where its lines' files are; "" = unplugged */
    char chip[32];
    char label[LABEL_MAX];
    int n;
    unsigned base; /* the kernel's number of line 0, which its trace gives */
};

/* --- files ------------------------------------------------------------------ */

static bool make_path(char out[FOLDER_PATH_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool make_path(char out[FOLDER_PATH_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(out, FOLDER_PATH_MAX, format, arguments);
    va_end(arguments);
    return n >= 0 && n < FOLDER_PATH_MAX;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (!ok)
        lib_say("%s: cannot write \"%s\": %s", path, text, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

/* The first line, without its newline. */
static bool read_file(const char *path, char *out, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, max - 1) : -1;
    if (n < 0)
        lib_say("%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return false;
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return true;
}

static bool write_in(const char *dir, const char *name, const char *text)
{
    char path[FOLDER_PATH_MAX];
    return make_path(path, "%s/%s", dir, name) && write_file(path, text);
}

static bool read_in(const char *dir, const char *name, char *out, size_t max)
{
    char path[FOLDER_PATH_MAX];
    return make_path(path, "%s/%s", dir, name) && read_file(path, out, max);
}

static bool make_dir(const char *path)
{
    if (mkdir(path, 0755) == 0)
        return true;
    lib_say("%s: %s", path, strerror(errno));
    return false;
}

/* --- the chip ----------------------------------------------------------------- */

static bool name_lines(const struct gpiosim *sim, const char *const *names)
{
    for (int i = 0; names && i < sim->n; i++) {
        char path[FOLDER_PATH_MAX];
        if (!names[i])
            continue;
        if (!make_path(path, "%s/bank0/line%d", sim->dir, i) || !make_dir(path) ||
            !write_in(path, "name", names[i]))
            return false;
    }
    return true;
}

static bool configure(struct gpiosim *sim, const char *label, const char *const *names)
{
    static int made; /* names of the configuration only: chips are told apart by label */
    char bank[FOLDER_PATH_MAX], count[16];
    snprintf(count, sizeof count, "%d", sim->n);
    return make_path(sim->dir, CONFIG_DIR "/gatehouse-%d-%d", (int)getpid(), ++made) &&
           make_path(bank, "%s/bank0", sim->dir) && make_dir(sim->dir) && make_dir(bank) &&
           write_in(bank, "label", label) && write_in(bank, "num_lines", count) &&
           name_lines(sim, names);
}

/* The kernel's number of this chip's line 0. */
static bool find_base(struct gpiosim *sim, const char *device)
{
    char path[FOLDER_PATH_MAX];
    DIR *dir = make_path(path, "/sys/devices/platform/%s/gpio", device) ? opendir(path) : NULL;
    bool found = false;
    for (struct dirent *e; dir && !found && (e = readdir(dir));)
        if (strncmp(e->d_name, "gpiochip", 8) == 0) {
            sim->base = (unsigned)strtoul(e->d_name + 8, NULL, 10);
            found = true;
        }
    if (dir)
        closedir(dir);
    if (!found)
        lib_say("%s: nothing in %s says its first line's number", sim->label, path);
    return found;
}

bool gpiosim_plug(struct gpiosim *sim)
{
    char device[64], bank[FOLDER_PATH_MAX];
    return write_in(sim->dir, "live", "1") && make_path(bank, "%s/bank0", sim->dir) &&
           read_in(bank, "chip_name", sim->chip, sizeof sim->chip) &&
           read_in(sim->dir, "dev_name", device, sizeof device) && find_base(sim, device) &&
           make_path(sim->lines, "/sys/devices/platform/%s/%s", device, sim->chip);
}

bool gpiosim_unplug(struct gpiosim *sim)
{
    sim->chip[0] = '\0';
    sim->lines[0] = '\0';
    return write_in(sim->dir, "live", "0");
}

struct gpiosim *gpiosim_make(const char *label, int lines, const char *const *names)
{
    if (lines < 1 || lines > GPIOSIM_LINES_MAX || strlen(label) >= LABEL_MAX) {
        lib_say("%s: no such chip can be made", label);
        return NULL;
    }
    struct gpiosim *sim = calloc(1, sizeof *sim);
    if (!sim)
        return NULL;
    sim->n = lines;
    snprintf(sim->label, sizeof sim->label, "%s", label);
    if (!configure(sim, label, names) || !gpiosim_plug(sim)) {
        gpiosim_free(sim);
        return NULL;
    }
    return sim;
}

void gpiosim_free(struct gpiosim *sim)
{
    if (!sim)
        return;
    if (sim->chip[0])
        gpiosim_unplug(sim);
    char path[FOLDER_PATH_MAX];
    for (int i = 0; i < sim->n; i++)
        if (make_path(path, "%s/bank0/line%d", sim->dir, i))
            rmdir(path);
    if (make_path(path, "%s/bank0", sim->dir))
        rmdir(path);
    rmdir(sim->dir);
    free(sim);
}

const char *gpiosim_name(const struct gpiosim *sim)
{
    return sim->chip;
}

/* --- its lines ---------------------------------------------------------------- */

static bool line_path(const struct gpiosim *sim, int line, const char *file,
                      char out[FOLDER_PATH_MAX])
{
    if (line < 0 || line >= sim->n || !sim->lines[0]) {
        lib_say("%s: line %d is not there", sim->label, line);
        return false;
    }
    return make_path(out, "%s/sim_gpio%d/%s", sim->lines, line, file);
}

bool gpiosim_pull(struct gpiosim *sim, int line, bool high)
{
    char path[FOLDER_PATH_MAX];
    return line_path(sim, line, "pull", path) && write_file(path, high ? "pull-up" : "pull-down");
}

bool gpiosim_pulled(struct gpiosim *sim, int line, bool *high)
{
    char path[FOLDER_PATH_MAX], text[16];
    if (!line_path(sim, line, "pull", path) || !read_file(path, text, sizeof text))
        return false;
    *high = strcmp(text, "pull-up") == 0;
    return true;
}

bool gpiosim_level(struct gpiosim *sim, int line, bool *high)
{
    char path[FOLDER_PATH_MAX], text[16];
    if (!line_path(sim, line, "value", path) || !read_file(path, text, sizeof text))
        return false;
    *high = text[0] == '1';
    return true;
}

int gpiosim_value(struct gpiosim *sim, int line)
{
    bool high;
    return gpiosim_level(sim, line, &high) ? high : -1;
}

/* --- the kernel's record -------------------------------------------------------- */

bool gpiosim_record(void)
{
    return write_in(TRACE_DIR, "tracing_on", "0") && write_in(TRACE_DIR, "trace", "") &&
           write_in(TRACE_DIR, "events/gpio/enable", "1") && write_in(TRACE_DIR, "tracing_on", "1");
}

/* One line of the trace as "LINE=LEVEL ", or nothing. Returns the length. */
static int record_text(const struct gpiosim *sim, const char *event, char out[TRACE_RECORD_MAX])
{
    static const char value[] = " gpio_value: ", direction[] = " gpio_direction: ";
    const char *at = strstr(event, value);
    const char *way = at ? " set " : " in ";
    if (at)
        at += sizeof value - 1;
    else if ((at = strstr(event, direction)))
        at += sizeof direction - 1;
    else
        return 0;
    char *rest;
    unsigned long number = strtoul(at, &rest, 10);
    const char *what = strstr(rest, way);
    if (!what || number < sim->base || number >= sim->base + (unsigned)sim->n)
        return 0;
    unsigned line = (unsigned)number - sim->base;
    return way[1] == 'i' ? snprintf(out, TRACE_RECORD_MAX, "%u=in ", line)
                         : snprintf(out, TRACE_RECORD_MAX, "%u=%.1s ", line, what + strlen(way));
}

char *gpiosim_recorded(struct gpiosim *sim)
{
    FILE *f = fopen(TRACE_DIR "/trace", "re");
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    char event[512], one[TRACE_RECORD_MAX];
    while (f && out && fgets(event, sizeof event, f))
        fwrite(one, 1, (size_t)record_text(sim, event, one), out);
    if (!f)
        lib_say("no trace: %s", strerror(errno));
    bool ok = f && out && !ferror(f);
    if (f)
        fclose(f);
    if (out && fclose(out) != 0)
        ok = false;
    if (!ok) {
        free(text);
        return NULL;
    }
    return text;
}
