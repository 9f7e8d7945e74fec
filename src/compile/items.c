/* items.c - the nodes of a tree in the order of the text, and where the output of one lies. */
#include <stdio.h>

#include "compile/compile.h"

recur__item *recur__next_item(recur__emitter *e, recur__item *item)
{
    recur__item *next = item + 1;
    for (int64_t i = 0; i < item->layer->parts; i++) next = recur__next_item(e, next);
    return next;
}

const char *recur__say_output(recur__emitter *e, recur__item *item, recur__flow flow)
{
    if (flow.want) {
        snprintf(item->out, sizeof item->out, "%s", flow.want);
        return item->out;
    }
    snprintf(item->out, sizeof item->out, "t->%s", item->name);
    e->has_scratch = true;
    recur__say(e, RECUR__SECTION_SCRATCH, "    float %s[%lld];\n", item->name,
               (long long)item->layer->output_size);
    return item->out;
}
