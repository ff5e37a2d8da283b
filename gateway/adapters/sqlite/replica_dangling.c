#include "replica_dangling.h"

#include <stdio.h>

#include "replica_writer.h"
#include "sql/replica_dangling.h"

static enum gh_err say_dangling(sqlite3 *db, const char *sql, int *left,
                                void (*each)(void *context, const char *line), void *context)
{
    sqlite3_stmt *s = NULL;
    bool row = false;
    enum gh_err err = db_prepare_all(db, &s, &sql, 1);
    if (err == GH_OK)
        err = db_bind_int(s, 1, *left);
    while (err == GH_OK && (err = db_step(s, &row)) == GH_OK && row) {
        char line[REPLICA_WHY_MAX + 2 * ID_MAX];
        struct slice v[5];
        for (int i = 0; i < 5; i++)
            v[i] = db_column(s, i);
        (void)snprintf(line, sizeof line,
                       "%.*s \"%.*s\": field \"%.*s\" names %.*s, which is no %.*s", (int)v[0].len,
                       v[0].ptr, (int)v[1].len, v[1].ptr, (int)v[2].len, v[2].ptr, (int)v[3].len,
                       v[3].ptr, (int)v[4].len, v[4].ptr);
        each(context, line);
        --*left;
    }
    db_finalize_all(&s, 1);
    return err;
}

enum gh_err replica_dangling(sqlite3 *db, int max, void (*each)(void *context, const char *line),
                             void *context)
{
    int left = max;
    enum gh_err err = say_dangling(db, SQL_dangling_doors, &left, each, context);
    return err == GH_OK && left > 0 ? say_dangling(db, SQL_dangling_people, &left, each, context)
                                    : err;
}
