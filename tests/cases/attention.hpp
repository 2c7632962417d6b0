// Causal attention with grouped key/value heads.
#pragma once

#include "neutra/op/attention.hpp"

#include "tests/cases/check.hpp"

namespace cases {

struct Attention {
  static constexpr std::string_view name = "attention";
  static constexpr std::size_t trained = 3;
  static constexpr double tolerance = 256;
  AttentionSizes z;
  double scale = 1;  // of q; large scores give one key all weight

  /// Lengths around the tile size of 64 rows; one, two and three query heads per key/value head.
  static std::vector<Attention> all() {
    return {{{0, 3, 2, 1, 4}},
            {{2, 0, 2, 1, 4}},
            {{1, 1, 1, 1, 1}},
            {{2, 1, 4, 2, 3}},
            {{1, 63, 2, 1, 3}},
            {{1, 64, 1, 1, 4}},
            {{1, 65, 2, 1, 2}},
            {{1, 130, 1, 1, 2}},
            {{3, 5, 6, 2, 5}},
            {{2, 65, 4, 2, 17}},
            {{1, 9, 2, 1, 4}, 30},
            // Windows of one token, within a tile, beyond one, and beyond the sequence; a scale of scores.
            {{1, 5, 2, 1, 4, 1}},
            {{2, 130, 2, 1, 3, 7}},
            {{1, 200, 2, 2, 2, 70}},
            {{1, 66, 1, 1, 2, 64}},
            {{1, 9, 2, 1, 4, 20}},
            {{1, 70, 4, 2, 6, 5, 0.3}},
            // A cap of the size of the scores; with a window and a scale; one that nearly all scores reach.
            {{1, 9, 2, 1, 4, 0, 0, 1.5}},
            {{2, 65, 4, 2, 17, 0, 0, 1}},
            {{1, 70, 4, 2, 6, 5, 0.3, 0.7}},
            {{1, 66, 1, 1, 2, 5, 0, 0.7}},
            {{1, 130, 1, 1, 2, 0, 0, 2}, 30}};
  }
  std::string label() const {
    return concat(z.sequences, "x", z.length, " heads ", z.heads, "/", z.kv_heads, " width ", z.width, " scale ", scale,
                  " window ", z.window, " score scale ", z.score_scale, " cap ", z.cap);
  }
  /// Central differences need a softmax that is not a step function.
  bool smooth() const { return scale <= 10; }
  template <Scalar S, class D> auto inputs() const {
    const Index rows = z.sequences * z.length;
    return list(numbers<S, D>({rows, z.heads * z.width}, "q", scale), numbers<S, D>({rows, z.kv_heads * z.width}, "k"),
                numbers<S, D>({rows, z.kv_heads * z.width}, "v"));
  }
  template <Scalar S, Backend D> Var<S, D> run(Tape<S, D>&, const std::vector<Var<S, D>>& v) const {
    return attention(v[0], v[1], v[2], z);
  }
  std::vector<double> reference(const std::vector<Tensor<double>>& in) const {
    Tensor<double> y(in[0].shape());
    op::attention_reference<double>(in[0], in[1], in[2], y, z);
    return as_doubles(View<const double>(y));
  }
  double flops() const {
    return 2.0 * static_cast<double>(z.sequences * z.heads * z.length * (z.length + 1) * z.width);
  }
  double bytes(std::size_t size) const {
    return 2.0 * static_cast<double>(z.sequences * z.length * z.width * (z.heads + z.kv_heads)) *
           static_cast<double>(size);
  }
};

}  // namespace cases
