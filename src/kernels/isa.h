/* isa.h - naming of what is compiled once per instruction set.
 *
 * The build compiles every file of src/kernels, src/tiles and src/cells, table.c apart, once per
 * set, with RECUR__ISA defined as its name (ref, sse2, avx2, avx512, neon, vec4, avx2_exact). Such
 * a file has static functions only, and exports one const table. What is written
 *
 *     const recur__reduce RECUR__PER_ISA(reduce) = { .scatter = scatter };
 *
 * becomes recur__reduce_avx2. */
#ifndef RECUR__ISA_H
#define RECUR__ISA_H

#define RECUR__PASTE(a, b)    recur__##a##_##b
#define RECUR__EXPAND(a, b)   RECUR__PASTE(a, b)
#define RECUR__PER_ISA(table) RECUR__EXPAND(table, RECUR__ISA)

#endif
