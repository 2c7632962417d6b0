// The sizes of the products that benchmarks measure.
#pragma once

#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/residue.hpp"

#include "default_model.hpp"

#include <initializer_list>
#include <utility>
#include <vector>

namespace product_sizes {

using namespace neutra;

struct Sizes {
  Index m, n, k;
};

using Widths = std::vector<std::pair<Index, Index>>;  // outputs, inputs

/// The products of extend's default model, with its residue and its LoRA. The gate's logit is not among them: with a
/// single output it is a pass over memory rather than a matmul.
inline Widths of_default_model() {
  const study::Options o;
  const adapter::Sizes model = default_model::sizes();
  const Index d = model.dim, f = o.ffn_width(), r = adapter::Residue<>{}.width_for(model),
              rank = adapter::Lora{}.rank_for(model);
  return {{d, d}, {f, d}, {d, f}, {o.vocabulary, d}, {r, d}, {d, r}, {rank, d}, {d, rank}, {rank, f}, {f, rank}};
}

inline const Widths of_larger_models = {{256, 256},  {768, 256},   {256, 768},   {512, 512},  {1536, 512},
                                        {512, 1536}, {1024, 1024}, {2816, 1024}, {8192, 512}, {32000, 288}};

/// All combinations of widths and numbers of rows; `quick` omits the largest.
inline std::vector<Sizes> with_rows(std::initializer_list<Index> rows, const Widths& widths, bool quick = false) {
  std::vector<Sizes> sizes;
  for (const Index m : rows)
    for (const auto& [n, k] : widths)
      if (!quick || m * n * k < Index{1} << 31) sizes.push_back({m, n, k});
  return sizes;
}

}  // namespace product_sizes
