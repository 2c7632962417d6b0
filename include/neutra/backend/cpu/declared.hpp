/// What nvcc is told of the SIMD products: their names. It cannot compile the vectors of GCC, so that Cpu is there what
/// ScalarCpu is.
#pragma once

#include "neutra/backend/operand.hpp"

#include <map>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace cpu {

template <Scalar S> class Packed;
template <Scalar S> class Quantised;
namespace detail {
template <Scalar S> struct TransposedPacked;
template <Scalar S> struct QuantisedOperand;
}  // namespace detail
template <Scalar S, class B> void product(Operand<S> a, const B& b, Result<S> into, View<const S> addend = {});
std::map<std::string, std::string> matmul_units(DType precision);

}}}  // namespace neutra::NEUTRA_ABI::cpu
