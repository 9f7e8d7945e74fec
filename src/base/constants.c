/* constants.c - the constants of the interface by name, for messages. Groups that one file checks
 * are in that file; those that several rooms check are here. */
#include <stdio.h>

#include "base/base.h"

const recur__constant recur__directions[RECUR__DIRECTIONS] = {
    RECUR__CONSTANT(RECUR_DIRECTION_FORWARD),
    RECUR__CONSTANT(RECUR_DIRECTION_REVERSE),
    RECUR__CONSTANT(RECUR_DIRECTION_BIDIRECTIONAL),
};

const recur__constant recur__activations[RECUR_ACTIVATION_POSITIVE] = {
    RECUR__CONSTANT(RECUR_ACTIVATION_TANH),     RECUR__CONSTANT(RECUR_ACTIVATION_SIGMOID),
    RECUR__CONSTANT(RECUR_ACTIVATION_RELU),     RECUR__CONSTANT(RECUR_ACTIVATION_HARD_SIGMOID),
    RECUR__CONSTANT(RECUR_ACTIVATION_SOFTSIGN), RECUR__CONSTANT(RECUR_ACTIVATION_IDENTITY),
    RECUR__CONSTANT(RECUR_ACTIVATION_SILU),     RECUR__CONSTANT(RECUR_ACTIVATION_ELU),
    RECUR__CONSTANT(RECUR_ACTIVATION_GELU),     RECUR__CONSTANT(RECUR_ACTIVATION_POSITIVE),
};

const recur__constant recur__cell_activations[RECUR__CELL_ACTIVATIONS] = {
    RECUR__CONSTANT(RECUR_ACTIVATION_TANH),     RECUR__CONSTANT(RECUR_ACTIVATION_SIGMOID),
    RECUR__CONSTANT(RECUR_ACTIVATION_RELU),     RECUR__CONSTANT(RECUR_ACTIVATION_HARD_SIGMOID),
    RECUR__CONSTANT(RECUR_ACTIVATION_SOFTSIGN), RECUR__CONSTANT(RECUR_ACTIVATION_IDENTITY),
    RECUR__CONSTANT(RECUR_ACTIVATION_POSITIVE),
};

recur_status recur__no_constant(const char *function, const char *member, int32_t value,
                                const recur__constant *group, int count)
{
    char names[400] = "";
    size_t used = 0;
    for (int i = 0; i < count && used < sizeof names; i++) {
        const char *before = i == 0 ? "" : i < count - 1 ? ", " : " or ";
        const int n = snprintf(names + used, sizeof names - used, "%s%s", before, group[i].name);
        used += n > 0 ? (size_t)n : 0;
    }
    if (value == 0)
        return recur__fail(RECUR_E_ARGUMENT, "%s: %s is 0, as if it was not set; it must be %s",
                           function, member, names);
    return recur__fail(RECUR_E_ARGUMENT, "%s: %s is %d; it must be %s", function, member,
                       (int)value, names);
}

recur_status recur__check_flags(const char *function, uint32_t flags, uint32_t known,
                                const char *names)
{
    const uint32_t unknown = flags & ~known;
    if (!unknown) return RECUR_OK;
    return recur__fail(RECUR_E_ARGUMENT, "%s: flags has %#x, but it takes %s", function,
                       (unsigned)unknown, names);
}
