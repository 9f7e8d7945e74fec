/* phases.h - phases through the tiles of one instruction set: phases.c, compiled once for each. */
#ifndef PHASES_H
#define PHASES_H

#include "cells/cell.h"

typedef struct phase_set {
    /* Of panels: recur__cell. */
    int width, wide;
    /* step->y [rows][accumulators*H], step->ldy numbers a row: what the tiles held. */
    void (*forward)(const recur__phase *phase, const recur__step *step);
    /* step->dh [rows][H]: what came back. */
    void (*backward)(int gate_blocks, const recur__phase *from, const recur__step_backward *step);
} phase_set;

#endif
