/// The types of training programs: float on the default device, with an adapter chosen at run time.
#pragma once

#include "neutra/adapter/any.hpp"
#include "neutra/backend/device.hpp"
#include "neutra/nn/transformer.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

using Adapter = adapter::Any<float, DefaultDevice>;
using Model = nn::Transformer<Adapter, float, DefaultDevice>;
using Backbone = nn::Backbone<float, DefaultDevice>;

}}}  // namespace neutra::NEUTRA_ABI::train
