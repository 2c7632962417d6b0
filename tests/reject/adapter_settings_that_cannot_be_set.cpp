// expect: neutra: this adapter's settings cannot be read and set; write  template <class Self, class Visit> static void
// settings(Self& self, const Visit& visit) { visit("scale", self.scale); }
#include "tests/reject/right_adapter.hpp"

using namespace neutra;

const Settings right_settings = adapter::settings_of(Right{});

#ifdef NEUTRA_REJECT
struct Wrong : Right {
  double scale = 1;
  template <class Visit> void settings(const Visit& visit) const { visit("scale", scale); }
};
const Settings wrong = adapter::settings_of(Wrong{});
#endif
