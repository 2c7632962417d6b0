// The registry of the adapters and policies of the library, from which programs select by name.
#include "neutra/adapter/registry.hpp"
#include "neutra/adapter/singular_vectors_eigen.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {
template Registry of_library<gate::All>();
template SingularVectors leading_singular_vectors(View<const double>, Index);
}}}  // namespace neutra::NEUTRA_ABI::adapter
