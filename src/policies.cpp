// The library's own policies, for programs that choose by name.
#include "neutra/adapter/registry.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace adapter {
template Registry of_library<gate::All>();
}}}  // namespace neutra::NEUTRA_ABI::adapter
