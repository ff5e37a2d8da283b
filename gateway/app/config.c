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
    SECTION_FLOOR,
    SECTION_READER,
    SECTION_PANEL,
    SECTION_UNKNOWN
};

struct parse {
    struct config config;
    void (*report)(void *context, int line, const char *text);
    void *context;
    int mistakes;
    enum section section;
    uint64_t seen[SECTION_UNKNOWN + 1]; /* bit per setting; of the section at hand where a kind
                                           has several */
    int sections_seen[SECTION_UNKNOWN + 1];
    bool has_relay[CONFIG_DOORS_MAX]; /* the door names one, be it a good one or not */
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
#define IN_FLOOR(member) offsetof(struct config_floor, member)

static const struct setting settings[] = {
    {SECTION_SITE, "id", config_set_id, IN_CONFIG(site), true},
    {SECTION_SITE, "gateway", config_set_id, IN_CONFIG(gateway), true},
    {SECTION_SITE, "state_dir", config_set_path, IN_CONFIG(state_dir), false},
    {SECTION_SITE, "run_dir", config_set_path, IN_CONFIG(run_dir), false},
    {SECTION_SITE, "reads_per_s", config_set_rate, IN_CONFIG(reads_per_s), false},
    {SECTION_SITE, "reads_burst", config_set_rate, IN_CONFIG(reads_burst), false},
    {SECTION_SITE, "battery_clock", config_set_yes, IN_CONFIG(battery_clock), false},
    {SECTION_SITE, "remote_releases_per_h", config_set_cap, IN_CONFIG(remote_releases), false},
    {SECTION_SITE, "fire", config_set_input, IN_CONFIG(fire), false},
    {SECTION_BROKER, "address", config_set_address, IN_CONFIG(broker_address), false},
    {SECTION_BROKER, "port", config_set_port, IN_CONFIG(broker_port), false},
    {SECTION_BROKER, "username", config_set_word, IN_CONFIG(broker_username), false},
    {SECTION_BROKER, "password_file", config_set_path, IN_CONFIG(broker_password_file), false},
    {SECTION_BROKER, "dir", config_set_path, IN_CONFIG(broker_dir), false},
    {SECTION_CLOUD, "url", config_set_url, IN_CONFIG(cloud_url), true},
    {SECTION_CLOUD, "dir", config_set_path, IN_CONFIG(cloud_dir), false},
    {SECTION_CLOUD, "ca_file", config_set_path, IN_CONFIG(cloud_ca_file), false},
    {SECTION_CLOUD, "token_file", config_set_path, IN_CONFIG(cloud_token_file), false},
    {SECTION_CLOUD, "cert_file", config_set_path, IN_CONFIG(cloud_cert_file), false},
    {SECTION_CLOUD, "key_file", config_set_path, IN_CONFIG(cloud_key_file), false},
    {SECTION_CLOUD, "policy_signature", config_set_signature, IN_CONFIG(policy_unsigned), false},
    {SECTION_CLOUD, "policy_key_file", config_set_path, IN_CONFIG(policy_key_file), false},
    {SECTION_CLOUD, "command_key_file", config_set_path, IN_CONFIG(command_key_file), false},
    {SECTION_JOURNAL, "max_events", config_set_events, IN_CONFIG(journal_max_events), false},
    {SECTION_DOOR, "relay", config_set_line, IN_DOOR(relay), false},
    {SECTION_DOOR, "active", config_set_active, IN_DOOR(relay), false},
    {SECTION_DOOR, "lock", config_set_lock, IN_DOOR(lock), false},
    {SECTION_DOOR, "opener", config_set_line, IN_DOOR(opener), false},
    {SECTION_DOOR, "opener_active", config_set_active, IN_DOOR(opener), false},
    {SECTION_DOOR, "opener_ms", config_set_pulse, IN_DOOR(opener_ms), false},
    {SECTION_DOOR, "opener_on_rex", config_set_yes, IN_DOOR(opener_on_rex), false},
    {SECTION_DOOR, "contact", config_set_input, IN_DOOR(contact), false},
    {SECTION_DOOR, "rex", config_set_input, IN_DOOR(rex), false},
    {SECTION_DOOR, "tamper", config_set_input, IN_DOOR(tamper), false},
    {SECTION_FLOOR, "relay", config_set_line, IN_FLOOR(relay), true},
    {SECTION_FLOOR, "active", config_set_active, IN_FLOOR(relay), true},
    {SECTION_READER, "freshness", config_set_freshness, offsetof(struct config_reader, freshness),
     true},
    {SECTION_PANEL, "actions", config_set_actions, 0, true},
    {SECTION_PANEL, "doors", config_set_panel_doors, 0, true},
};
#define SETTINGS (sizeof settings / sizeof settings[0])

static const char *const section_names[] = {
    [SECTION_SITE] = "site",       [SECTION_BROKER] = "broker", [SECTION_CLOUD] = "cloud",
    [SECTION_JOURNAL] = "journal", [SECTION_DOOR] = "door",     [SECTION_FLOOR] = "floor",
    [SECTION_READER] = "reader",   [SECTION_PANEL] = "panel",
};

static void *field_of(struct parse *p, const struct setting *s)
{
    char *base = (char *)&p->config;
    if (s->section == SECTION_DOOR)
        base = (char *)&p->config.doors[p->config.n_doors - 1];
    else if (s->section == SECTION_FLOOR)
        base = (char *)&p->config.floors[p->config.n_floors - 1];
    else if (s->section == SECTION_PANEL)
        base = (char *)&p->config.panels[p->config.n_panels - 1];
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
        if (p->seen[p->section] & (UINT64_C(1) << i))
            mistake(p, line->number, "\"%s\" is set twice", s->name);
        p->seen[p->section] |= UINT64_C(1) << i;
        const char *allowed = s->set(field_of(p, s), line->value);
        if (allowed)
            mistake(p, line->number, "\"%s\" %s", s->name, allowed);
        return;
    }
    mistake(p, line->number, "\"%.*s\" is not a setting of [%s]", name_len, line->name.ptr,
            section_names[p->section]);
}

static bool has_seen(const struct parse *p, enum section section, const char *name)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].section == section && strcmp(settings[i].name, name) == 0)
            return p->seen[section] & (UINT64_C(1) << i);
    return false;
}

/* What the section that ends here should have had. */
static void require(struct parse *p, enum section section, int line)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].section == section && settings[i].required &&
            !(p->seen[section] & (UINT64_C(1) << i)))
            mistake(p, line, "[%s] needs \"%s\"", section_names[section], settings[i].name);
}

/* One that has a relay says how it is wired. */
static void require_wiring(struct parse *p, const struct config_door *door)
{
    bool has_relay = has_seen(p, SECTION_DOOR, "relay");
    p->has_relay[door - p->config.doors] = has_relay;
    bool has_opener = has_seen(p, SECTION_DOOR, "opener");
    if (has_relay && !has_seen(p, SECTION_DOOR, "active"))
        mistake(p, door->line_number, "[door] needs \"active\" with its relay");
    if (has_relay && !has_seen(p, SECTION_DOOR, "lock"))
        mistake(p, door->line_number, "[door] needs \"lock\" with its relay");
    if (has_opener != has_seen(p, SECTION_DOOR, "opener_active"))
        mistake(p, door->line_number, "[door] needs \"opener\" and \"opener_active\" together");
    if (!has_opener && has_seen(p, SECTION_DOOR, "opener_ms"))
        mistake(p, door->line_number, "\"opener_ms\" is for a door that has an \"opener\"");
    if (!has_opener && has_seen(p, SECTION_DOOR, "opener_on_rex"))
        mistake(p, door->line_number, "\"opener_on_rex\" is for a door that has an \"opener\"");
    if (door->opener_on_rex && !has_seen(p, SECTION_DOOR, "rex"))
        mistake(p, door->line_number, "\"opener_on_rex\" is for a door that has a \"rex\"");
}

static void end_section(struct parse *p)
{
    if (p->section == SECTION_DOOR)
        require_wiring(p, &p->config.doors[p->config.n_doors - 1]);
    if (p->section == SECTION_FLOOR)
        require(p, SECTION_FLOOR, p->config.floors[p->config.n_floors - 1].line_number);
    if (p->section == SECTION_READER)
        require(p, SECTION_READER, p->sections_seen[SECTION_READER]);
    if (p->section == SECTION_PANEL)
        require(p, SECTION_PANEL, p->config.panels[p->config.n_panels - 1].line_number);
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
    p->config.doors[p->config.n_doors++] =
        (struct config_door){.id = *id, .opener_ms = 500, .line_number = line};
}

/* The door's section stands before it or behind it. */
static void begin_floor(struct parse *p, int line, const struct id *door, const struct id *floor)
{
    struct config *c = &p->config;
    for (size_t i = 0; i < c->n_floors; i++)
        if (id_equal(&c->floors[i].door, door) && id_equal(&c->floors[i].floor, floor))
            mistake(p, line, "floor \"%s\" of door \"%s\" is there twice", floor->s, door->s);
    if (c->n_floors == CONFIG_FLOORS_MAX) {
        mistake(p, line, "more than %d floors", CONFIG_FLOORS_MAX);
        p->section = SECTION_UNKNOWN;
        return;
    }
    c->floors[c->n_floors++] =
        (struct config_floor){.door = *door, .floor = *floor, .line_number = line};
}

static void begin_panel(struct parse *p, int line, const struct id *id)
{
    struct config *c = &p->config;
    if (config_find_panel(c, id))
        mistake(p, line, "panel \"%s\" is there twice", id->s);
    if (c->n_panels == CONFIG_PANELS_MAX) {
        mistake(p, line, "more than %d panels", CONFIG_PANELS_MAX);
        p->section = SECTION_UNKNOWN;
        return;
    }
    c->panels[c->n_panels++] = (struct config_panel){.id = *id, .line_number = line};
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

/* How many ids a section is named by. */
static int names_of(enum section section)
{
    switch (section) {
    case SECTION_DOOR:
    case SECTION_PANEL:
    case SECTION_READER: return 1;
    case SECTION_FLOOR: return 2;
    case SECTION_NONE:
    case SECTION_SITE:
    case SECTION_BROKER:
    case SECTION_CLOUD:
    case SECTION_JOURNAL:
    case SECTION_UNKNOWN: break;
    }
    return 0;
}

static enum section section_of(struct slice word)
{
    for (int i = SECTION_SITE; i < SECTION_UNKNOWN; i++)
        if (slice_is(word, section_names[i]))
            return (enum section)i;
    return SECTION_UNKNOWN;
}

static void begin_named(struct parse *p, int line, enum section section, const struct id id[2])
{
    p->section = section;
    p->seen[section] = 0;
    p->sections_seen[section] = line;
    if (section == SECTION_DOOR)
        begin_door(p, line, &id[0]);
    else if (section == SECTION_FLOOR)
        begin_floor(p, line, &id[0], &id[1]);
    else if (section == SECTION_PANEL)
        begin_panel(p, line, &id[0]);
    else
        begin_reader(p, line, &id[0]);
}

static void on_section(struct parse *p, const struct ini_line *line)
{
    end_section(p);
    struct slice rest = line->name, word = slice_cut(&rest, ' ');
    enum section section = section_of(word);
    int names = names_of(section);
    struct id id[2];
    bool good = true;
    p->section = SECTION_UNKNOWN;
    for (int i = 0; i < names; i++) {
        struct slice name = i + 1 < names ? slice_cut(&rest, ' ') : rest;
        good = id_set(&id[i], name) == GH_OK && good;
    }
    if (section == SECTION_UNKNOWN) {
        mistake(p, line->number,
                "[%.*s] is not a section: site, broker, cloud, journal, door ID, floor DOOR FLOOR, "
                "reader ID, panel ID are",
                (int)(word.len < 64 ? word.len : 64), word.ptr);
    } else if (names > 0 && !good) {
        mistake(p, line->number, "[%s %s] needs an id of A-Z a-z 0-9 . _ : -%s",
                section_names[section], names == 2 ? "DOOR FLOOR" : "ID",
                names == 2 ? " for each" : "");
    } else if (names == 0 && rest.len > 0) {
        mistake(p, line->number, "[%s] takes no name", section_names[section]);
    } else if (names > 0) {
        begin_named(p, line->number, section, id);
    } else if (p->sections_seen[section]) {
        mistake(p, line->number, "[%s] is there twice", section_names[section]);
    } else {
        p->section = section;
        p->sections_seen[section] = line->number;
    }
}

/* --- lines ------------------------------------------------------------------- */

struct uses {
    struct config_use *use; /* owned */
    size_t n;
};

static void collect(void *context, const struct config_use *use)
{
    struct uses *uses = context;
    uses->use[uses->n++] = *use;
}

/* Two users of one line, as far as their names tell: the kernel tells the rest. */
static void check_lines(struct parse *p)
{
    const struct config *c = &p->config;
    struct uses uses = {calloc(config_lines_max(c), sizeof *uses.use), 0};
    if (!uses.use) {
        mistake(p, 0, "out of memory");
        return;
    }
    config_each_line(c, collect, &uses);
    for (size_t i = 1; i < uses.n; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct config_use *a = &uses.use[j], *b = &uses.use[i];
            char first[HAL_TEXT_MAX], second[HAL_TEXT_MAX];
            if (strcmp(a->line->line, b->line->line) != 0 ||
                strcmp(a->line->chip, b->line->chip) != 0)
                continue;
            config_use_name(first, a);
            config_use_name(second, b);
            mistake(p, b->line_number, "%s and %s are on one line, %s:%s", second, first,
                    b->line->chip, b->line->line);
        }
    }
    free(uses.use);
}

/* --- the whole -------------------------------------------------------------- */

static void check_doors(struct parse *p)
{
    const struct config *c = &p->config;
    for (size_t i = 0; i < c->n_doors; i++) {
        const struct config_door *d = &c->doors[i];
        size_t floors = 0;
        for (size_t f = 0; f < c->n_floors; f++)
            floors += id_equal(&c->floors[f].door, &d->id);
        if (!p->has_relay[i] && floors == 0)
            mistake(p, d->line_number, "[door] needs \"relay\", or a [floor %s FLOOR]", d->id.s);
        if (floors > CONFIG_DOOR_FLOORS_MAX)
            mistake(p, d->line_number, "door \"%s\" has more than %d floors", d->id.s,
                    CONFIG_DOOR_FLOORS_MAX);
    }
    for (size_t f = 0; f < c->n_floors; f++)
        if (!config_find_door(c, &c->floors[f].door))
            mistake(p, c->floors[f].line_number, "there is no [door %s]", c->floors[f].door.s);
    check_lines(p);
    for (size_t i = 0; i < c->n_panels; i++)
        for (size_t d = 0; d < c->panels[i].n_doors; d++)
            if (!config_find_door(c, &c->panels[i].door[d]))
                mistake(p, c->panels[i].line_number, "panel \"%s\" has a door \"%s\", which is none",
                        c->panels[i].id.s, c->panels[i].door[d].s);
}

/* The identity that gatehousectl enrol brought. */
static void set_enrolled(struct parse *p)
{
    struct config *c = &p->config;
    c->is_enrolled = true;
    for (size_t len = strlen(c->cloud_dir); len > 1 && c->cloud_dir[len - 1] == '/';)
        c->cloud_dir[--len] = '\0';
    if (!config_path(c->cloud_ca_file, c->cloud_dir, CONFIG_CA_FILE) ||
        !config_path(c->cloud_cert_file, c->cloud_dir, CONFIG_CERT_FILE) ||
        !config_path(c->cloud_key_file, c->cloud_dir, CONFIG_KEY_FILE) ||
        !config_path(c->policy_key_file, c->cloud_dir, CONFIG_POLICY_KEYS_FILE) ||
        !config_path(c->command_key_file, c->cloud_dir, CONFIG_COMMAND_KEYS_FILE))
        mistake(p, p->sections_seen[SECTION_CLOUD], "the path of \"dir\" is too long");
}

static void check_cloud(struct parse *p, int line)
{
    static const char *const own[] = {"ca_file", "token_file", "cert_file", "key_file",
                                      "policy_signature", "policy_key_file", "command_key_file"};
    const struct config *c = &p->config;
    size_t named = 0;
    require(p, SECTION_CLOUD, line);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        named += has_seen(p, SECTION_CLOUD, own[i]);
    if (named == 0) {
        set_enrolled(p);
        return;
    }
    if (has_seen(p, SECTION_CLOUD, "dir"))
        mistake(p, line, "[cloud] has \"dir\", which is for a gateway that was enrolled, and names "
                         "files beside it: leave out the one or the others");
    if (!has_seen(p, SECTION_CLOUD, "ca_file"))
        mistake(p, line, "[cloud] needs \"ca_file\"; or \"url\" alone, for a gateway that is enrolled");
    if (!c->cloud_token_file[0] && !c->cloud_cert_file[0])
        mistake(p, line, "[cloud] needs \"token_file\", or \"cert_file\" and \"key_file\"");
    if (!c->cloud_cert_file[0] != !c->cloud_key_file[0])
        mistake(p, line, "[cloud] needs \"cert_file\" and \"key_file\" together");
    if (!c->policy_key_file[0] && !c->policy_unsigned)
        mistake(p, line, "[cloud] needs \"policy_key_file\": whose policy is to be believed; or "
                         "\"policy_signature = unsigned\"");
    if (c->policy_key_file[0] && c->policy_unsigned)
        mistake(p, line, "[cloud] has \"policy_key_file\", and says that policy is unsigned");
}

static void check_whole(struct parse *p)
{
    const struct config *c = &p->config;
    end_section(p);
    if (!p->sections_seen[SECTION_SITE])
        mistake(p, 0, "there is no [site]");
    else
        require(p, SECTION_SITE, p->sections_seen[SECTION_SITE]);
    if (p->sections_seen[SECTION_CLOUD])
        check_cloud(p, p->sections_seen[SECTION_CLOUD]);
    if (!c->broker_username[0] != !c->broker_password_file[0])
        mistake(p, p->sections_seen[SECTION_BROKER],
                "[broker] needs \"username\" and \"password_file\" together");
    check_doors(p);
}

/* With errno where it fails. */
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
    int saved = got < 0 ? errno : EFBIG;
    close(fd);
    if (got < 0 || n > FILE_MAX) {
        free(text);
        errno = saved;
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
    .remote_releases = 120,
    .broker_address = "127.0.0.1",
    .broker_port = 1883,
    .broker_dir = "/etc/gatehouse/broker",
    .journal_max_events = 1000000,
    .cloud_dir = "/etc/gatehouse/cloud",
};

enum gh_err config_load(struct config *out, const char *path,
                        void (*report)(void *context, int line, const char *text), void *context)
{
    char *text;
    size_t len;
    enum gh_err err = read_file(&text, &len, path);
    if (err) {
        char why[128];
        snprintf(why, sizeof why, "cannot be read: %s", strerror(errno));
        report(context, 0, why);
        return err;
    }
    struct parse p = {.config = defaults, .report = report, .context = context};
    p.config.doors = calloc(CONFIG_DOORS_MAX, sizeof *p.config.doors);
    p.config.floors = calloc(CONFIG_FLOORS_MAX, sizeof *p.config.floors);
    p.config.readers = calloc(CONFIG_READERS_MAX, sizeof *p.config.readers);
    p.config.panels = calloc(CONFIG_PANELS_MAX, sizeof *p.config.panels);
    if (!p.config.doors || !p.config.floors || !p.config.readers || !p.config.panels) {
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

void config_print_mistake(void *context, int line, const char *text)
{
    const struct config_print *print = context;
    if (line > 0)
        fprintf(print->to, "%s:%d: %s\n", print->path, line, text);
    else
        fprintf(print->to, "%s: %s\n", print->path, text);
}

void config_ignore_mistake(void *context, int line, const char *text)
{
    (void)context;
    (void)line;
    (void)text;
}

int config_exit_status(enum gh_err err)
{
    return err == GH_INVALID ? CONFIG_EXIT_MISTAKES : 1;
}

void config_free(struct config *config)
{
    free(config->doors);
    free(config->floors);
    free(config->readers);
    free(config->panels);
    config->doors = NULL;
    config->floors = NULL;
    config->readers = NULL;
    config->panels = NULL;
    config->n_doors = config->n_floors = config->n_readers = config->n_panels = 0;
}
