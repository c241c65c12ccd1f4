/*
 * Numbers as differences that add up to them again: a time series' column (series.h).
 *
 * The reader keeps a sum, adds each difference to it, and divides it by the factor. A step is only
 * taken if that gives the number back exactly; all is tried in doubles, as a reader would do it.
 */
#ifndef NEAP_CORE_DELTA_H
#define NEAP_CORE_DELTA_H

#include <stdbool.h>

struct delta {
	double factor; /* above 0 */
	bool whole;    /* value * factor must be a whole number, of 15 digits at most: never fails to
	                  add up */
	double sum;    /* the reader's, 0 at first */
};

/* False: no difference leads from the sum to the value; nothing is changed. -0 is taken for 0. */
bool delta_step(struct delta *delta, double value, double *difference);

#endif
