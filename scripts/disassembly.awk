# disassembly.awk - from objdump -dr --no-show-raw-insn, one line for each function: its name, its
# instructions and its object, with tabs between them.
#
# What depends on the place of a function is taken out: addresses, offsets into sections, numbers
# that the compiler gives to local names, and padding. Jumps inside a function go to the number of
# an instruction. `object` is the path that is printed in the third column.

function plain_name(name) {
    gsub(/\.[0-9]+/, "", name)
    sub(/[+-]0x[0-9a-f]+$/, "", name)
    return name
}

# The last function, its jumps resolved.
function print_function(    i, body, text, at, name, rest) {
    if (name_now == "") return
    body = ""
    for (i = 1; i <= count; i++) {
        text = instruction[i]
        if (match(text, /[0-9a-f]+ <[^>]*>/)) {
            rest = substr(text, RSTART + RLENGTH)
            name = substr(text, RSTART, RLENGTH)
            text = substr(text, 1, RSTART - 1)
            at = name
            sub(/ .*/, "", at)
            sub(/^[0-9a-f]+ </, "", name)
            sub(/>$/, "", name)
            if (i in symbol) name = ""
            else if (at in index_of) name = "@" index_of[at]
            else name = plain_name(name)
            sub(/# *$/, "", text)
            gsub(/-?0x[0-9a-f]+\(%rip\)/, "(%rip)", text)
            text = text name rest
        }
        if (i in symbol) text = text " " symbol[i]
        gsub(/[ ]+/, " ", text)
        body = body text ";"
    }
    print plain_name(name_now) "\t" body "\t" object
}

/^[0-9a-f]+ <.*>:$/ {
    print_function()
    name_now = $2
    sub(/^</, "", name_now)
    sub(/>:$/, "", name_now)
    count = 0
    split("", instruction)
    split("", symbol)
    split("", index_of)
    next
}

# A relocation belongs to the instruction before it.
/^[ \t]+[0-9a-f]+: R_/ {
    symbol[count] = plain_name($3)
    next
}

/^ *[0-9a-f]+:\t/ {
    at = $1
    sub(/:$/, "", at)
    text = $0
    sub(/^ *[0-9a-f]+:\t/, "", text)
    gsub(/\t/, " ", text)
    # A jump to padding is a jump to what follows it.
    index_of[at] = count + 1
    if (text ~ /^(data16 |cs )*nop/ || text ~ /^xchg +%ax,%ax/ || text ~ /^int3/) next
    instruction[++count] = text
}

END { print_function() }
