// expect: neutra: a wrapper takes a gate that is no wrapper and not open; give it the inner one, such as gate::Relu
#include "neutra/gate/all.hpp"

#ifdef NEUTRA_REJECT
using Wrapped = neutra::gate::PerChannel<neutra::gate::TwoLayer<neutra::gate::Relu>>;
#else
using Wrapped = neutra::gate::PerChannel<neutra::gate::Relu>;
#endif

static_assert(neutra::Gate<Wrapped>);

int main() {}
