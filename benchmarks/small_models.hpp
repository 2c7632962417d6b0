// Three models that the benchmarks of whole steps share, and the products that their steps need at least.
#pragma once

#include "neutra/neutra.hpp"

#include <array>
#include <string_view>

namespace small_models {

using neutra::Index;

struct Named {
  std::string_view name;
  Index dim, layers, heads, ffn, vocabulary;

  neutra::nn::Config config(Index length) const {
    neutra::nn::Config made{.vocabulary = vocabulary,
                            .dim = dim,
                            .ffn = ffn,
                            .layers = layers,
                            .heads = heads,
                            .kv_heads = heads,
                            .context = length,
                            .tied = true};
    made.complete();
    return made;
  }
};

inline constexpr std::array<Named, 3> all = {
    {{"tiny", 256, 4, 4, 688, 4096}, {"stories15M", 288, 6, 6, 768, 32000}, {"small", 512, 8, 8, 1376, 8192}}};

/// What is trained: a neutral residue, LoRA, or everything. forward: nothing; a residue takes part in a forward pass
/// with its loss.
enum class Mode { adapter, lora, full, forward };

inline constexpr std::array<std::string_view, 4> mode_names = {"adapter", "lora", "full", "forward"};

/// The multiply-adds of the products that a step needs at least, per token. `extra`: the weights of the residue's
/// bodies or of LoRA, over all layers. Each weight counts once for the forward pass, once for the gradient of its input
/// if something below it trains, and once for its own gradient if it trains itself. Attention, norms and all other
/// passes are not counted: they are what a step may add to this floor.
inline double multiply_adds(const neutra::nn::Config& c, Mode mode, double extra) {
  using neutra::adapter::Site;
  const neutra::adapter::Sizes sizes = c.sizes();
  const auto weights = [&](std::initializer_list<Site> sites) {
    double sum = 0;
    for (const Site site : sites) sum += static_cast<double>(sizes.inputs(site) * sizes.outputs(site));
    return sum;
  };
  const double layer = weights({Site::q, Site::k, Site::v, Site::o, Site::gate, Site::up, Site::down}),
               layers = static_cast<double>(c.layers);
  const double whole = layers * layer + static_cast<double>(c.vocabulary * c.dim), first_extra = extra / layers;
  if (mode == Mode::forward) return whole + extra;
  if (mode == Mode::full) return 3 * whole;
  // In layer 0 nothing below the first trained weight needs a gradient: neither the input of the residue's two input
  // matrices nor that of any frozen weight; with LoRA, neither the inputs of q, k and v nor those of the three A beside
  // them, each of dim x rank.
  if (mode == Mode::adapter) return 2 * whole - layer + 3 * extra - first_extra * 2 / 3;
  const double rank =
      extra / layers / static_cast<double>(7 * c.dim + 3 * c.ffn + 2 * (c.heads + c.kv_heads) * c.head_width);
  return 2 * whole - weights({Site::q, Site::k, Site::v}) + 3 * extra - 3 * rank * static_cast<double>(c.dim);
}

}  // namespace small_models
