# strip.awk - C without comments and without the contents of strings, line by line; #include lines
# keep their names.
{
    line = $0
    out = ""
    keep = line ~ /^[ \t]*#[ \t]*include/
    while (line != "") {
        if (inside) {
            end = index(line, "*/")
            if (!end) break
            line = substr(line, end + 2)
            inside = 0
        } else if (substr(line, 1, 2) == "/*") {
            inside = 1
            out = out " "
            line = substr(line, 3)
        } else if (substr(line, 1, 2) == "//") {
            break
        } else if (!keep && match(line, /^"([^"\\]|\\.)*"/)) {
            out = out "\"\""
            line = substr(line, RLENGTH + 1)
        } else if (match(line, /^'([^'\\]|\\.)*'/)) {
            out = out "' '"
            line = substr(line, RLENGTH + 1)
        } else {
            out = out substr(line, 1, 1)
            line = substr(line, 2)
        }
    }
    print out
}
