// A user's own programs: extend and evaluate with a gate and an adapter of one's own. Built as an executable of its own
// and run by own.cpp:   neutra_own_gate extend|evaluate|generate OPTIONS...
#include "neutra/op/scale_columns.hpp"
#include "neutra/program/evaluate.hpp"
#include "neutra/program/extend.hpp"
#include "neutra/program/generate.hpp"

#include <deque>

namespace {

/// g = r / (1 + r),  r = max(0, s)
struct Saturating {
  static constexpr std::string_view name = "saturating";
  static constexpr bool exact_zero = true;
  template <class V> NEUTRA_HD V f(V s) const {
    const V r = neutra::math::relu(s);
    return r / (V(1) + r);
  }
  template <class V> NEUTRA_HD V df(V s, V g) const {
    return neutra::math::select(s > V(0), (V(1) - g) * (V(1) - g), V(0));
  }
};

/// An adapter that is no residue: the FFN's output times l, which starts at `start`.      l: (d) in each layer
struct Scaled {
  static constexpr std::string_view name = "scaled";
  double start = 1;

  template <class Self, class Visit> static void settings(Self& self, const Visit& visit) {
    visit("start", self.start);
  }
  neutra::adapter::Description describe(const neutra::adapter::Sizes& sizes) const {
    return {.kind = std::string(name),
            .settings = neutra::adapter::settings_of(*this),
            .weights = sizes.layers * sizes.dim};
  }
  template <neutra::Scalar S, neutra::Backend D> class Instance {
   public:
    Instance(const Scaled& scaled, const neutra::adapter::Sizes& sizes, std::uint64_t) {
      for (neutra::Index layer = 0; layer < sizes.layers; ++layer)
        scales_.emplace_back(neutra::concat("adapter.", layer, ".scale"),
                             neutra::adapter::constant_tensor<S, D>({sizes.dim}, scaled.start));
    }
    std::vector<neutra::Parameter<S, D>*> parameters() {
      std::vector<neutra::Parameter<S, D>*> all;
      for (auto& scale : scales_) all.push_back(&scale);
      return all;
    }
    bool acts_at(neutra::adapter::Site site) const { return site == neutra::adapter::Site::ffn; }
    neutra::Var<S, D> apply(neutra::adapter::Site, neutra::Index layer, neutra::Var<S, D>, neutra::Var<S, D> y,
                            neutra::Pass<S, D>& pass) {
      return neutra::scale_columns(y, pass.tape.leaf(scales_[static_cast<std::size_t>(layer)]));
    }

   private:
    std::deque<neutra::Parameter<S, D>> scales_;
  };
};

}  // namespace

int main(int argc, char** argv) {
  using neutra::gate::All;
  const bool named = argc > 1 && argv[1][0] != '-';
  const std::string program = named ? argv[1] : "extend";
  if (named) {
    argv[1] = argv[0];
    ++argv;
    --argc;
  }
  if (program == "evaluate") return neutra::program::evaluate_main<All, Saturating, Scaled>(argc, argv);
  if (program == "generate") return neutra::program::generate_main<All, Saturating, Scaled>(argc, argv);
  return neutra::program::extend_main<All, Saturating, Scaled>(argc, argv);
}
