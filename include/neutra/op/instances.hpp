/// The instances of ops and the tape in neutra::compiled (see backend/cpu/instances.hpp).
#pragma once

#include "neutra/backend/cpu/instances.hpp"
#include "neutra/op/all.hpp"

#define NEUTRA_OP_INSTANCES(KEYWORD, S, D)                                                    \
  KEYWORD Var<S, D> add(Var<S, D>, Var<S, D>, S);                                             \
  KEYWORD Var<S, D> attention(Var<S, D>, Var<S, D>, Var<S, D>, const AttentionSizes&);        \
  KEYWORD Var<S, D> cross_entropy(Var<S, D>, Var<S, D>, std::span<const std::int32_t>, S, S); \
  KEYWORD Var<S, D> embedding(Var<S, D>, std::span<const std::int32_t>);                      \
  KEYWORD Var<S, D> gated(Var<S, D>, Var<S, D>, const op::Silu&);                             \
  KEYWORD Var<S, D> activation(Var<S, D>, Activation);                                        \
  KEYWORD Var<S, D> layer_norm(Var<S, D>, Var<S, D>, Var<S, D>, S);                           \
  KEYWORD Var<S, D> pointwise(Var<S, D>, const op::Gelu&);                                    \
  KEYWORD Var<S, D> pointwise(Var<S, D>, const op::GeluTanh&);                                \
  KEYWORD Var<S, D> pointwise(Var<S, D>, const op::Relu&);                                    \
  KEYWORD Var<S, D> pointwise(Var<S, D>, const op::Silu&);                                    \
  KEYWORD Var<S, D> pointwise(Var<S, D>, const op::SoftCap<S>&);                              \
  KEYWORD Var<S, D> linear(Var<S, D>, Var<S, D>, std::optional<Var<S, D>>);                   \
  KEYWORD Var<S, D> linear(Var<S, D>, Var<S, D>, DType, std::optional<Var<S, D>>);            \
  KEYWORD Var<S, D> rms_norm(Var<S, D>, Var<S, D>, S, S);                                     \
  KEYWORD Var<S, D> rope(Var<S, D>, const RopeTable<S, D>&, Index, DType, Index);             \
  KEYWORD Var<S, D> scale_rows(Var<S, D>, Var<S, D>);                                         \
  KEYWORD RowSet open_rows(Var<S, D>, View<const S>);                                         \
  KEYWORD Var<S, D> gather_rows(Var<S, D>, const RowSet&);                                    \
  KEYWORD Var<S, D> scatter_add(Var<S, D>, Var<S, D>, const RowSet&);                         \
  KEYWORD struct RopeTable<S, D>;                                                             \
  KEYWORD class Frozen<S, D>;                                                                 \
  KEYWORD class Values<S, D>;                                                                 \
  KEYWORD class detail::StepValues<S, D>;                                                     \
  KEYWORD class Tape<S, D>;

#if defined(NEUTRA_COMPILED)
namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_PROMISE(NEUTRA_OP_INSTANCES)
}}  // namespace neutra::NEUTRA_ABI
#endif
