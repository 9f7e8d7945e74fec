# extract.awk - the blocks of a page, as files of a folder. -v page=docs/x.md -v out=FOLDER
#
# "```c NAME" is the file NAME; "```c" alone is a piece of the body of page.c, whose pieces go on
# where the last one ended. sh and python become script.sh and script.py. A block inside an HTML
# comment counts, though a reader does not see it.
BEGIN { body = out "/page.c" }

/^```[a-z]/ {
    split(substr($0, 4), word, " ")
    language = word[1]
    file = word[2] ? out "/" word[2] : ""
    if (file ~ /\/src\//) system("mkdir -p " out "/src/cells")
    if (language == "c" && !file) {
        if (!pieces++) {
            count = split("recur.h math.h stddef.h stdio.h stdlib.h string.h", header, " ")
            for (i = 1; i <= count; i++) print "#include <" header[i] ">" >body
            print "#define TRY(call) \\" >body
            print "    do { if (call) { puts(recur_last_error()); return 1; } } while (0)" >body
            print "int main(void)\n{" >body
        }
        file = body
    }
    if (language == "sh") {
        file = out "/script.sh"
        print "cd \"$FOLDER\"" >file
    }
    if (language == "python") file = out "/script.py"
    if (!file) {
        print page ":" NR ": a block of " language " that nothing is done with" >"/dev/stderr"
        exit failed = 1
    }
    if (language == "c" || language == "cpp") printf "#line %d \"%s\"\n", NR + 1, page >file
    next
}
/^```/ { file = ""; next }
file { print >file }

END {
    if (failed) exit 1
    if (pieces) print "return 0;\n}" >body
}
