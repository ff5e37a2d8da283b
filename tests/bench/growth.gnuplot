# Draws growth.dat, which the bench writes: data = that file, folder = where the drawings go.
# Columns: credentials at_once load snapshots, then p50 p99 p99.9 of echo, relay and feedback in us.
stats data every ::1 using 1 nooutput
most = STATS_max
set terminal svg size 860,420 background "white" font "sans,12"
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set key outside right top
set logscale y
set ylabel "milliseconds"
set format y "%g"

set output folder."/growth-credentials.svg"
set title "A read at an idle box, and the bare MQTT echo"
set logscale x
set xrange [700:1500000]
set yrange [0.1:30]
set xlabel "credentials"
set format x "%.0s%c"
alone(y) = (strcol(3) eq "idle" && $2 == 1) ? y / 1000.0 : NaN
set datafile missing NaN
plot data every ::1 using 1:(alone($11)) with linespoints lw 2 pt 7 lc rgb "#c0392b" title "to feedback, p50", \
     "" every ::1 using 1:(alone($12)) with linespoints dt 2 pt 7 lc rgb "#c0392b" title "to feedback, p99", \
     "" every ::1 using 1:(alone($8)) with linespoints lw 2 pt 5 lc rgb "#2471a3" title "to relay, p50", \
     "" every ::1 using 1:(alone($9)) with linespoints dt 2 pt 5 lc rgb "#2471a3" title "to relay, p99", \
     "" every ::1 using 1:(alone($5)) with linespoints lw 2 pt 1 lc rgb "#888888" title "echo, p50", \
     "" every ::1 using 1:(alone($6)) with linespoints dt 2 pt 1 lc rgb "#888888" title "echo, p99"

set output folder."/growth-load.svg"
set title sprintf("To relay, p50 (lines) and p99 (dashes), among %d credentials", most)
unset logscale x
set logscale x 2
set format x "%g"
set xrange [0.8:80]
set xtics (1, 16, 64)
set yrange [0.1:300]
set xlabel "cards at once"
at(load, y) = (strcol(3) eq load && $1 == most) ? y / 1000.0 : NaN
plot data every ::1 using 2:(at("idle", $8)) with linespoints lw 2 pt 7 lc rgb "#2471a3" title "idle", \
     "" every ::1 using 2:(at("idle", $9)) with linespoints dt 2 pt 7 lc rgb "#2471a3" notitle, \
     "" every ::1 using 2:(at("a snapshot loads", $8)) with linespoints lw 2 pt 5 lc rgb "#c0392b" title "a snapshot loads", \
     "" every ::1 using 2:(at("a snapshot loads", $9)) with linespoints dt 2 pt 5 lc rgb "#c0392b" notitle, \
     "" every ::1 using 2:(at("a backlog goes up", $8)) with linespoints lw 2 pt 9 lc rgb "#1e8449" title "a backlog goes up", \
     "" every ::1 using 2:(at("a backlog goes up", $9)) with linespoints dt 2 pt 9 lc rgb "#1e8449" notitle, \
     "" every ::1 using 2:(at("both", $8)) with linespoints lw 2 pt 11 lc rgb "#7d3c98" title "both", \
     "" every ::1 using 2:(at("both", $9)) with linespoints dt 2 pt 11 lc rgb "#7d3c98" notitle, \
     "" every ::1 using 2:(at("idle", $5)) with linespoints lw 2 pt 1 lc rgb "#888888" title "bare echo", \
     "" every ::1 using 2:(at("idle", $6)) with linespoints dt 2 pt 1 lc rgb "#888888" notitle
