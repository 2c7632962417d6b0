// expect: neutra: math::Functions<V> is specialised for float and double, and by each backend for its SIMD batches;
// include the backend
#include "neutra/core/math.hpp"

float right(float x) { return neutra::math::relu(x); }

#ifdef NEUTRA_REJECT
int wrong(int x) { return neutra::math::relu(x); }
#endif
