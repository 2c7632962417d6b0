// expect: neutra: a model and its backbone must be of one scalar and one device; write nn::Transformer<Adapter, double>
// for a backbone of double, or make the backbone in float
#include "neutra/neutra.hpp"

using namespace neutra;

std::shared_ptr<const nn::Backbone<double, Cpu>> backbone;
nn::Transformer<adapter::Residue<>, double> right(backbone, adapter::Residue<>{}, 1);

#ifdef NEUTRA_REJECT
nn::Transformer<adapter::Residue<>> wrong(backbone, adapter::Residue<>{}, 1);
#endif
