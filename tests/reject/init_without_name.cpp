// expect: neutra: this Init has no name; add  static constexpr std::string_view name = "...";
#include "neutra/adapter/residue.hpp"

using namespace neutra;

struct Right {
  static constexpr std::string_view name = "right";
  double variance(const init::Matrix&) const { return 1; }
};
adapter::Residue<gate::Relu, body::GatedUnit, penalty::L1, Right> right;

#ifdef NEUTRA_REJECT
struct Wrong {
  double variance(const init::Matrix&) const { return 1; }
};
adapter::Residue<gate::Relu, body::GatedUnit, penalty::L1, Wrong> wrong;
#endif
