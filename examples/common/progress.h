/* progress.h - how an epoch goes on: one line, drawn over and over, on stderr if that is a
 * terminal. */
#ifndef EXAMPLES_PROGRESS_H
#define EXAMPLES_PROGRESS_H

#include "score.h"

/* Begins an epoch (1 to epochs) of so many rows. */
void progress_begin(int64_t epoch, int64_t epochs, int64_t rows);

/* Draws the line, a few times a second at most; s counts the rows that are done. */
void progress_show(const score *s);

/* Clears the line. Call it before anything else is printed. */
void progress_end(void);

#endif
