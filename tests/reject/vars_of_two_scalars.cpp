// expect: neutra: the Vars of an op must be of one scalar and one device; make their tape, parameters and inputs all
// float or all double
#include "neutra/neutra.hpp"

using namespace neutra;

Var<float, Cpu> right(Var<float, Cpu> x, Var<float, Cpu> w) { return linear(gated(x, x), w, x); }

#ifdef NEUTRA_REJECT
Var<float, Cpu> wrong(Var<float, Cpu> x, Var<float, Cpu> w, Var<double, Cpu> y) { return linear(gated(x, y), w, y); }
#endif
