#include "core/message/delta.h"

#include "core/base/number.h"

#include <math.h>
#include <stdint.h>

/* Results have variables of their own, here and below: they are rounded to doubles then also where
 * the processor computes with more. */
static bool make_whole(double value, double factor, double *whole)
{
	double scaled = value * factor;
	if (!(fabs(scaled) < NUMBER_EXACT))
		return false;
	*whole = round(scaled);
	double back = *whole / factor;
	return back == value;
}

static bool adds_up(const struct delta *delta, double difference, double value)
{
	double sum = delta->sum + difference;
	double back = sum / delta->factor;
	return back == value;
}

/* 98.4 - 100 as -1.6, not as the double -1.5999999999999943: what a person would write, and right
 * for readers that compute with decimals. */
static bool subtract_decimals(double from, double to, double *difference)
{
	unsigned decimals = 0;
	int64_t from_n, to_n;
	if (!number_decimals(to, &decimals, &to_n) || !number_decimals(from, &decimals, &from_n) ||
	    !number_decimals(to, &decimals, &to_n))
		return false;
	*difference = (double)(to_n - from_n) / number_powers[decimals];
	return true;
}

bool delta_step(struct delta *delta, double value, double *difference)
{
	double target;
	if (make_whole(value, delta->factor, &target)) {
		*difference = target - delta->sum;
		if (delta->whole) {
			delta->sum = target;
			return true;
		}
	} else if (delta->whole) {
		return false;
	} else {
		target = value * delta->factor;
	}
	if (!subtract_decimals(delta->sum, target, difference) || !adds_up(delta, *difference, value)) {
		*difference = target - delta->sum;
		if (!adds_up(delta, *difference, value))
			return false;
	}
	delta->sum += *difference;
	return true;
}
