// expect: neutra: this Init has no variance; add  double variance(const neutra::init::Matrix&) const;
#include "neutra/adapter/residue.hpp"

using namespace neutra;

struct Right {
  static constexpr std::string_view name = "right";
  double variance(const init::Matrix&) const { return 1; }
};
adapter::Residue<gate::Relu, body::GatedUnit, penalty::L1, Right> right;

#ifdef NEUTRA_REJECT
struct Wrong {
  static constexpr std::string_view name = "wrong";
};
adapter::Residue<gate::Relu, body::GatedUnit, penalty::L1, Wrong> wrong;
#endif
