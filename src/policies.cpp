// The registry of the policies of the library, from which programs select by name.
#include "neutra/adapter/registry.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {
template Registry of_library<gate::All>();
}}}  // namespace neutra::NEUTRA_ABI::adapter
