#include "app/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config_values.h"
#include "core/ini.h"

#define FILE_MAX (1024 * 1024)

enum section {
    SECTION_NONE,
    SECTION_SITE,
    SECTION_BROKER,
    SECTION_CLOUD,
    SECTION_JOURNAL,
    SECTION_DOOR,
    SECTION_READER,
    SECTION_UNKNOWN
};

struct parse {
    struct config config;
    void (*report)(void *context, int line, const char *text);
    void *context;
    int mistakes;
    enum section section;
    unsigned
        seen[SECTION_UNKNOWN + 1]; /* bit per setting, of the section at hand for door, reader */
    int sections_seen[SECTION_UNKNOWN + 1];
};

__attribute__((format(printf, 3, 4))) static void mistake(struct parse *p, int line,
                                                          const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    p->mistakes++;
    p->report(p->context, line, text);
}

/* --- settings ------------------------------------------------------------ */

struct setting {
    enum section section;
    const char *name;
    config_setter set;
    size_t offset; /* in struct config, config_door or config_reader */
    bool required;
};

#define IN_CONFIG(member) offsetof(struct config, member)
#define IN_DOOR(member) offsetof(struct config_door, member)

static const struct setting settings[] = {
    {SECTION_SITE, "id", config_set_id, IN_CONFIG(site), true},
    {SECTION_SITE, "gateway", config_set_id, IN_CONFIG(gateway), true},
    {SECTION_SITE, "state_dir", config_set_path, IN_CONFIG(state_dir), false},
    {SECTION_SITE, "run_dir", config_set_path, IN_CONFIG(run_dir), false},
    {SECTION_SITE, "reads_per_s", config_set_rate, IN_CONFIG(reads_per_s), false},
    {SECTION_SITE, "reads_burst", config_set_rate, IN_CONFIG(reads_burst), false},
    {SECTION_BROKER, "address", config_set_address, IN_CONFIG(broker_address), false},
    {SECTION_BROKER, "port", config_set_port, IN_CONFIG(broker_port), false},
    {SECTION_BROKER, "username", config_set_word, IN_CONFIG(broker_username), false},
    {SECTION_BROKER, "password_file", config_set_path, IN_CONFIG(broker_password_file), false},
    {SECTION_CLOUD, "url", config_set_url, IN_CONFIG(cloud_url), true},
    {SECTION_CLOUD, "ca_file", config_set_path, IN_CONFIG(cloud_ca_file), true},
    {SECTION_CLOUD, "token_file", config_set_path, IN_CONFIG(cloud_token_file), false},
    {SECTION_CLOUD, "cert_file", config_set_path, IN_CONFIG(cloud_cert_file), false},
    {SECTION_CLOUD, "key_file", config_set_path, IN_CONFIG(cloud_key_file), false},
    {SECTION_CLOUD, "policy_signature", config_set_signature, IN_CONFIG(policy_unsigned), true},
    {SECTION_JOURNAL, "max_events", config_set_events, IN_CONFIG(journal_max_events), false},
    {SECTION_DOOR, "relay", config_set_line, IN_DOOR(relay), true},
    {SECTION_DOOR, "active", config_set_active, IN_DOOR(relay), true},
    {SECTION_DOOR, "lock", config_set_lock, IN_DOOR(lock), true},
    {SECTION_READER, "freshness", config_set_freshness, offsetof(struct config_reader, freshness),
     true},
};
#define SETTINGS (sizeof settings / sizeof settings[0])

static const char *const section_names[] = {
    [SECTION_SITE] = "site",       [SECTION_BROKER] = "broker", [SECTION_CLOUD] = "cloud",
    [SECTION_JOURNAL] = "journal", [SECTION_DOOR] = "door",     [SECTION_READER] = "reader",
};

static void *field_of(struct parse *p, const struct setting *s)
{
    char *base = (char *)&p->config;
    if (s->section == SECTION_DOOR)
        base = (char *)&p->config.doors[p->config.n_doors - 1];
    else if (s->section == SECTION_READER)
        base = (char *)&p->config.readers[p->config.n_readers - 1];
    return base + s->offset;
}

static void on_entry(struct parse *p, const struct ini_line *line)
{
    int name_len = (int)(line->name.len < 64 ? line->name.len : 64);
    if (p->section == SECTION_UNKNOWN)
        return; /* its section has been reported */
    if (p->section == SECTION_NONE) {
        mistake(p, line->number, "\"%.*s\" stands before the first [section]", name_len,
                line->name.ptr);
        return;
    }
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        if (s->section != p->section || !slice_is(line->name, s->name))
            continue;
        if (p->seen[p->section] & (1u << i))
            mistake(p, line->number, "\"%s\" is set twice", s->name);
        p->seen[p->section] |= 1u << i;
        const char *allowed = s->set(field_of(p, s), line->value);
        if (allowed)
            mistake(p, line->number, "\"%s\" %s", s->name, allowed);
        return;
    }
    mistake(p, line->number, "\"%.*s\" is not a setting of [%s]", name_len, line->name.ptr,
            section_names[p->section]);
}

/* What the section that ends here should have had. */
static void require(struct parse *p, enum section section, int line)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].section == section && settings[i].required &&
            !(p->seen[section] & (1u << i)))
            mistake(p, line, "[%s] needs \"%s\"", section_names[section], settings[i].name);
}

static void end_section(struct parse *p)
{
    if (p->section == SECTION_DOOR)
        require(p, SECTION_DOOR, p->config.doors[p->config.n_doors - 1].line_number);
    if (p->section == SECTION_READER)
        require(p, SECTION_READER, p->sections_seen[SECTION_READER]);
}

static void begin_door(struct parse *p, int line, const struct id *id)
{
    if (config_find_door(&p->config, id))
        mistake(p, line, "door \"%s\" is there twice", id->s);
    if (p->config.n_doors == CONFIG_DOORS_MAX) {
        mistake(p, line, "more than %d doors", CONFIG_DOORS_MAX);
        p->section = SECTION_UNKNOWN;
        return;
    }
    p->config.doors[p->config.n_doors++] = (struct config_door){.id = *id, .line_number = line};
}

static void begin_reader(struct parse *p, int line, const struct id *id)
{
    for (size_t i = 0; i < p->config.n_readers; i++)
        if (id_equal(&p->config.readers[i].id, id))
            mistake(p, line, "reader \"%s\" is there twice", id->s);
    if (p->config.n_readers == CONFIG_READERS_MAX) {
        mistake(p, line, "more than %d readers", CONFIG_READERS_MAX);
        p->section = SECTION_UNKNOWN;
        return;
    }
    p->config.readers[p->config.n_readers++] = (struct config_reader){.id = *id};
}

static void on_section(struct parse *p, const struct ini_line *line)
{
    end_section(p);
    const char *space = memchr(line->name.ptr, ' ', line->name.len);
    size_t word = space ? (size_t)(space - line->name.ptr) : line->name.len;
    struct slice rest =
        space ? slice_make(space + 1, line->name.len - word - 1) : (struct slice){0};
    p->section = SECTION_UNKNOWN;
    for (int i = SECTION_SITE; i < SECTION_UNKNOWN; i++)
        if (slice_is(slice_make(line->name.ptr, word), section_names[i]))
            p->section = (enum section)i;
    bool named = p->section == SECTION_DOOR || p->section == SECTION_READER;
    struct id id;
    if (p->section == SECTION_UNKNOWN) {
        mistake(p, line->number,
                "[%.*s] is not a section: site, broker, cloud, journal, "
                "door ID, reader ID are",
                (int)word, line->name.ptr);
    } else if (named ? id_set(&id, rest) != GH_OK : rest.len > 0) {
        mistake(p, line->number,
                named ? "[%s ID] needs an id of A-Z a-z 0-9 . _ : -" : "[%s] takes no name",
                section_names[p->section]);
        p->section = SECTION_UNKNOWN;
    } else if (named) {
        p->seen[p->section] = 0;
        p->sections_seen[p->section] = line->number;
        (p->section == SECTION_DOOR ? begin_door : begin_reader)(p, line->number, &id);
    } else if (p->sections_seen[p->section]) {
        mistake(p, line->number, "[%s] is there twice", section_names[p->section]);
        p->section = SECTION_UNKNOWN;
    } else {
        p->sections_seen[p->section] = line->number;
    }
}

/* --- the whole -------------------------------------------------------------- */

static void check_doors(struct parse *p)
{
    const struct config *c = &p->config;
    if (c->n_doors == 0)
        mistake(p, 0, "there is no [door ID]: a gateway without doors has nothing to do");
    for (size_t i = 0; i < c->n_doors; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct config_door *a = &c->doors[j], *b = &c->doors[i];
            if (a->relay.line[0] && strcmp(a->relay.chip, b->relay.chip) == 0 &&
                strcmp(a->relay.line, b->relay.line) == 0)
                mistake(p, b->line_number, "door \"%s\" has the relay of door \"%s\", %s:%s",
                        b->id.s, a->id.s, a->relay.chip, a->relay.line);
        }
    }
}

static void check_whole(struct parse *p)
{
    const struct config *c = &p->config;
    end_section(p);
    if (!p->sections_seen[SECTION_SITE])
        mistake(p, 0, "there is no [site]");
    else
        require(p, SECTION_SITE, p->sections_seen[SECTION_SITE]);
    int cloud = p->sections_seen[SECTION_CLOUD];
    if (cloud) {
        require(p, SECTION_CLOUD, cloud);
        if (!c->cloud_token_file[0] && !c->cloud_cert_file[0])
            mistake(p, cloud, "[cloud] needs \"token_file\", or \"cert_file\" and \"key_file\"");
        if (!c->cloud_cert_file[0] != !c->cloud_key_file[0])
            mistake(p, cloud, "[cloud] needs \"cert_file\" and \"key_file\" together");
    }
    if (!c->broker_username[0] != !c->broker_password_file[0])
        mistake(p, p->sections_seen[SECTION_BROKER],
                "[broker] needs \"username\" and \"password_file\" together");
    check_doors(p);
}

static enum gh_err read_file(char **out, size_t *len, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    char *text = malloc(FILE_MAX + 1);
    size_t n = 0;
    ssize_t got = text ? 1 : -1;
    while (got > 0 && n <= FILE_MAX) {
        got = read(fd, text + n, FILE_MAX + 1 - n);
        if (got > 0)
            n += (size_t)got;
    }
    close(fd);
    if (got < 0 || n > FILE_MAX) {
        free(text);
        return GH_IO;
    }
    *out = text;
    *len = n;
    return GH_OK;
}

static const struct config defaults = {
    .state_dir = "/var/lib/gatehouse",
    .run_dir = "/run/gatehouse",
    .reads_per_s = 10,
    .reads_burst = 20,
    .broker_address = "127.0.0.1",
    .broker_port = 1883,
    .journal_max_events = 1000000,
};

enum gh_err config_load(struct config *out, const char *path,
                        void (*report)(void *context, int line, const char *text), void *context)
{
    char *text;
    size_t len;
    enum gh_err err = read_file(&text, &len, path);
    if (err) {
        report(context, 0,
               err == GH_NOT_FOUND ? "there is no such file" : "cannot be read, or is over 1 MiB");
        return err;
    }
    struct parse p = {.config = defaults, .report = report, .context = context};
    p.config.doors = calloc(CONFIG_DOORS_MAX, sizeof *p.config.doors);
    p.config.readers = calloc(CONFIG_READERS_MAX, sizeof *p.config.readers);
    if (!p.config.doors || !p.config.readers) {
        free(text);
        config_free(&p.config);
        report(context, 0, "out of memory");
        return GH_IO;
    }
    struct ini_walk walk = {.rest = slice_make(text, len)};
    struct ini_line line;
    while (ini_next(&walk, &line)) {
        if (line.what == INI_BAD)
            mistake(&p, line.number, "is neither [section] nor name = value");
        else if (line.what == INI_SECTION)
            on_section(&p, &line);
        else
            on_entry(&p, &line);
    }
    check_whole(&p);
    free(text);
    if (p.mistakes > 0) {
        config_free(&p.config);
        return GH_INVALID;
    }
    *out = p.config;
    return GH_OK;
}

void config_free(struct config *config)
{
    free(config->doors);
    free(config->readers);
    config->doors = NULL;
    config->readers = NULL;
    config->n_doors = config->n_readers = 0;
}

const struct config_door *config_find_door(const struct config *config, const struct id *id)
{
    for (size_t i = 0; i < config->n_doors; i++)
        if (id_equal(&config->doors[i].id, id))
            return &config->doors[i];
    return NULL;
}

enum freshness_mode config_freshness(const struct config *config, const struct id *reader)
{
    for (size_t i = 0; i < config->n_readers; i++)
        if (id_equal(&config->readers[i].id, reader))
            return config->readers[i].freshness;
    return FRESHNESS_AGE;
}

bool config_path(char out[CONFIG_PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(out, CONFIG_PATH_MAX, "%s/%s", dir, name);
    return n > 0 && n < CONFIG_PATH_MAX;
}
