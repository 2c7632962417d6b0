/// The instantiations of this folder in neutra::compiled: products, packed operands, attention.
///
/// Lists of instantiations are macros, so that a header can declare them (`extern template`) and one file of src/
/// define them (`template`). NEUTRA_COMPILED enables the declarations; it is defined only by linking neutra::compiled.
#pragma once

#include "neutra/backend/cpu/cpu.hpp"

#include <string_view>

#define NEUTRA_PRODUCT_INSTANCES(KEYWORD, S)                                                            \
  KEYWORD void cpu::product<S>(Operand<S>, Operand<S>, Result<S>, View<const S>);                       \
  KEYWORD void cpu::product<S>(Operand<S>, const cpu::Packed<S>&, Result<S>, View<const S>);            \
  KEYWORD void cpu::plain_product<S>(Operand<S>, Operand<S>, Result<S>, View<const S>);                 \
  KEYWORD class cpu::Packed<S>;                                                                         \
  KEYWORD void cpu::product<S>(Operand<S>, cpu::detail::TransposedPacked<S>, Result<S>, View<const S>); \
  KEYWORD void cpu::product<S>(Operand<S>, cpu::detail::QuantisedOperand<S>, Result<S>, View<const S>); \
  KEYWORD class cpu::Quantised<S>;                                                                      \
  NEUTRA_ATTENTION_INSTANCES(KEYWORD, BasicCpu<cpu::Simd>, S)                                           \
  NEUTRA_ATTENTION_INSTANCES(KEYWORD, BasicCpu<cpu::NoSimd>, S)

#define NEUTRA_ATTENTION_INSTANCES(KEYWORD, D, S)                                                              \
  KEYWORD void cpu::attention_forward<D, S>(const AttentionSizes&, const Operand<S>&, const Operand<S>&,       \
                                            const Operand<S>&, const Result<S>&, S*);                          \
  KEYWORD void cpu::attention_backward<D, S>(const AttentionSizes&, const Operand<S>&, const Operand<S>&,      \
                                             const Operand<S>&, const Operand<S>&, const S*, const Result<S>&, \
                                             const Result<S>&, const Result<S>&);

/// The lists of the folders right of this one take a keyword, a scalar and a device; these declare them.
#define NEUTRA_PROMISE(LIST)        \
  LIST(extern template, float, Cpu) \
  LIST(extern template, double, Cpu)

#if defined(NEUTRA_COMPILED)
#define NEUTRA_NAME_OF_EXPANDED(name) #name
#define NEUTRA_NAME_OF(name) NEUTRA_NAME_OF_EXPANDED(name)
static_assert(std::string_view(NEUTRA_NAME_OF(NEUTRA_COMPILED)) == NEUTRA_NAME_OF(NEUTRA_INSTRUCTION_SET),
              "neutra: neutra::compiled was built for another instruction set than this file (NEUTRA_COMPILED names "
              "it); compile with the library's -march, or link neutra::neutra, which is headers alone");
#undef NEUTRA_NAME_OF
#undef NEUTRA_NAME_OF_EXPANDED

namespace neutra { inline namespace NEUTRA_ABI {
NEUTRA_PRODUCT_INSTANCES(extern template, float)
NEUTRA_PRODUCT_INSTANCES(extern template, double)
}}  // namespace neutra::NEUTRA_ABI
#endif
