# Turns a .sql file into a C header: one string a section.
#
#   -- name: person_find      starts the statement SQL_person_find
#
# Lines of comment between statements stay out of the strings.
function flush_statement() { if (open) print "    ;"; open = 0 }
BEGIN { print "/* Made from " ARGV[1] "; do not edit. */" }
/^-- name: / { flush_statement(); printf "static const char SQL_%s[] =\n    \"\"\n", $3; open = 1; next }
/^[ \t]*--/ { next }
/^[ \t]*$/ { next }
open { gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); printf "    \"%s\\n\"\n", $0 }
END { flush_statement() }
