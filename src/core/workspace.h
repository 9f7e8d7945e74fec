/* workspace.h - the memory of a pass: what waits for backward, and what only the pass needs. */
#ifndef RECUR__WORKSPACE_H
#define RECUR__WORKSPACE_H

#include "base/base.h"

/* `reserve` lies in the record until backward, `scratch` lives to the end of the pass. Scratch is
 * given back part by part, so its peak counts. Both only measure while their base is NULL. */
typedef struct recur__workspace {
    recur__carver reserve, scratch;
    size_t peak;
} recur__workspace;

/* Scratch that was carved otherwise than by recur__scratch counts, too. */
static inline void recur__note_peak(recur__workspace *workspace)
{
    if (workspace->scratch.used > workspace->peak) workspace->peak = workspace->scratch.used;
}

/* Carves scratch, and remembers the peak. */
static inline void *recur__scratch(recur__workspace *workspace, int64_t count, size_t size)
{
    void *memory = recur__carve(&workspace->scratch, count, size);
    recur__note_peak(workspace);
    return memory;
}

#endif
