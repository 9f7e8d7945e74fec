/* clock.h - seconds that only go forward. */
#ifndef EXAMPLES_CLOCK_H
#define EXAMPLES_CLOCK_H

/* Seconds since some moment; differences are what counts. */
double seconds(void);

#endif
