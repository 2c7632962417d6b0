// A results.json, of this schema and of the one before: read, written, and drawn.
#pragma once

#include "neutra/report/markdown.hpp"
#include "neutra/report/page.hpp"
#include "neutra/study/results.hpp"

#include "tests/fuzz/target.hpp"

#include <optional>

namespace fuzz {

inline void results(std::string_view bytes) {
  std::optional<study::Results> results;
  attempt([&] { results = study::results_from_json(io::parse(bytes, "results.json"), "results.json"); });
  if (!results) return;
  const io::Json written = study::to_json(*results);
  claim(study::to_json(study::results_from_json(written)) == written, "results must be read as they were written");
  attempt([&] {
    report::report(*results);
    report::table(*results);
    report::markdown(*results);
  });
}

}  // namespace fuzz
