/* stop.h - Ctrl-C ends training after the current batch, so that the model can be saved. A second
 * one ends the program. */
#ifndef EXAMPLES_STOP_H
#define EXAMPLES_STOP_H

#include <stdint.h>

/* From here on an interrupt only sets a mark. */
void stop_on_interrupt(void);

/* Is the mark set? */
int stopped(void);

/* Says how far training came and where the model is (NULL: nowhere); gives the exit status of
 * that. */
int stopped_status(int64_t epochs, const char *saved);

#endif
