/// The instances of models in neutra::compiled: with the default residue, the vanilla adapter, no adapter, and with
/// policies chosen at run time (see backend/cpu/instances.hpp).
#pragma once

#include "neutra/adapter/any.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/body/any.hpp"
#include "neutra/body/gated_unit.hpp"
#include "neutra/gate/any.hpp"
#include "neutra/gate/open.hpp"
#include "neutra/init/any.hpp"
#include "neutra/init/he.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/op/instances.hpp"
#include "neutra/penalty/all.hpp"
#include "neutra/penalty/any.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace nn::detail {
/// A residue whose policies are chosen at run time.
template <Scalar S, Backend D>
using AnyResidue = adapter::Residue<gate::Any<S, D>, body::Any<S, D>, penalty::Any<S, D>, init::Any>;
/// The vanilla adapter, the baseline for residues.
using Vanilla = adapter::Residue<gate::Open, body::GatedUnit, penalty::None, init::He>;
}}}  // namespace neutra::NEUTRA_ABI::nn::detail

#define NEUTRA_NN_INSTANCES(KEYWORD, S, D)                                      \
  KEYWORD class adapter::Probe<S, D>;                                           \
  KEYWORD class adapter::ResidueInstance<S, D>;                                 \
  KEYWORD Var<S, D> pointwise(Var<S, D>, const gate::Relu&);                    \
  KEYWORD std::unique_ptr<nn::Decoder<S, D>> nn::decoder_of(const nn::Config&); \
  KEYWORD class nn::Backbone<S, D>;                                             \
  KEYWORD class nn::Transformer<adapter::None, S, D>;                           \
  KEYWORD class nn::Transformer<adapter::Residue<>, S, D>;                      \
  KEYWORD class nn::Transformer<nn::detail::Vanilla, S, D>;                     \
  KEYWORD class nn::Transformer<nn::detail::AnyResidue<S, D>, S, D>;            \
  KEYWORD class nn::Transformer<adapter::Any<S, D>, S, D>;

#define NEUTRA_FAMILY_INSTANCES(KEYWORD)                                   \
  KEYWORD nn::WeightList nn::weight_list<nn::Families>(const nn::Config&); \
  KEYWORD void nn::Config::complete_as_one_of<nn::Families>();

#if defined(NEUTRA_COMPILED)
namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_PROMISE(NEUTRA_NN_INSTANCES)
NEUTRA_FAMILY_INSTANCES(extern template)
}}  // namespace neutra::NEUTRA_ABI
#endif
