# reference.sed - the headers as doxygen is to read them.
# The comment on top is that of the file.
1s|^/\* recur[^ ]* - |/** @file\n * @brief |
# The lines of every function's comment become a list.
s,^ \* (Shapes|Memory|Errors|Threads|Since): +, * - **\1:** ,
# One comment stands over several macros.
s,^#define RECUR_(VERSION_MINOR|VERSION_PATCH|VERSION|TRY) .*,& /**< see above */,
# An example is no command.
s,^( \* +)#include,\1\\#include,
