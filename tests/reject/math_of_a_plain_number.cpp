// expect: neutra: math::min, max and select take values of one type; write V(0) instead of 0
#include "neutra/core/math.hpp"

float right(float x) { return neutra::math::max(x, 0.0f); }

#ifdef NEUTRA_REJECT
float wrong(float x) { return neutra::math::max(x, 0); }
#endif
