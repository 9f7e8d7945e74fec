/* drive.h - how a cell runs: tiles of products (drive.c, compiled once for all kinds) that go through its equations (tile.h). */
#ifndef RECUR__DRIVE_H
#define RECUR__DRIVE_H

#include "cells/tile.h"

typedef struct recur__drive {
    /* bias + W x + U s of all rows and units of a step's phase; every tile goes to finish. */
    void (*forward)(const recur__phase *phase, const recur__step *step, forward_finish *finish);
    /* The same for some vectors of units from j on, of a phase with one accumulator: W and U are their panels. */
    void (*forward_units)(int64_t vectors, const recur__step *step, forward_finish *finish, const float *W, const float *U, int64_t j);
    /* dA U of all rows and units. from: the phase whose gradients come back here: the next one, or the first one of the step after. */
    void (*backward)(int slots, const recur__phase *from, const recur__step_backward *step, backward_finish *finish);
} recur__drive;

extern const recur__drive RECUR__PER_ISA(drive);

INLINE void drive_forward(const recur__phase phase, const recur__step *step, forward_finish *finish)
{
    RECUR__PER_ISA(drive).forward(&phase, step, finish);
}

INLINE void drive_backward(int slots, const recur__phase from, const recur__step_backward *step, backward_finish *finish)
{
    RECUR__PER_ISA(drive).backward(slots, &from, step, finish);
}

#endif
