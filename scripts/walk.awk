# walk.awk - reads `# name` and below it the files that a walk came through, one a line. Prints how
# often it stayed in a file and how often it came back to one. With path=1 it prints the walk too.

# Leaves one copy of every part of `period` files that stands twice in a row. Gives the new length.
function without_repeats(n, period,    i, k, out) {
    out = 0
    i = 1
    while (i <= n) {
        # What is written last is compared with what comes next.
        if (out >= period && i + period - 1 <= n) {
            for (k = 0; k < period; k++)
                if (file[out - period + 1 + k] != file[i + k]) break
            if (k == period) {
                i += period
                continue
            }
        }
        file[++out] = file[i++]
    }
    return out
}

# Counts stays and returns of the walk, or of its .c files alone, into stays, files and returns.
function measure(only_c,    i, n, before, period, visits) {
    n = 0
    for (i = 1; i <= length_of_all; i++) {
        if (only_c && every[i] !~ /\.c$/) continue
        if (n == 0 || every[i] != file[n]) file[++n] = every[i]
    }
    do {
        before = n
        for (period = 1; period <= n / 2; period++) n = without_repeats(n, period)
    } while (n < before)
    stays = n
    files = returns = 0
    split("", visits)
    for (i = 1; i <= n; i++) {
        if (file[i] in visits) returns++
        else files++
        visits[file[i]]++
    }
}

function print_walk(    i, line) {
    line = "   "
    for (i = 1; i <= stays; i++) {
        if (length(line " " file[i]) > 100) {
            print line
            line = "   "
        }
        line = line " " file[i]
    }
    print line
}

function report() {
    if (title == "") return
    print title ":"
    measure(1)
    printf "    .c files:       %d stays in %d files, %d returns\n", stays, files, returns
    measure(0)
    printf "    headers too:    %d stays in %d files, %d returns\n", stays, files, returns
    printf "    all of a loop:  %d stays\n", length_of_all
    if (path) print_walk()
}

/^# / {
    report()
    title = substr($0, 3)
    length_of_all = 0
    next
}

length_of_all == 0 || $0 != every[length_of_all] { every[++length_of_all] = $0 }

END { report() }
