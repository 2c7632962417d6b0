// A file of multiple-choice questions.
#pragma once

#include "neutra/train/multiple_choice_file.hpp"

#include "tests/fuzz/target.hpp"

namespace fuzz {

inline void questions(std::string_view bytes) {
  const scratch::Folder folder;
  const io::Path path = folder / "questions.jsonl";
  scratch::put(path, bytes);
  std::vector<data::MultipleChoice> all;
  attempt([&] { all = train::read_questions(path); });
  if (all.empty()) return;
  train::write_questions(path, all);
  const auto again = train::read_questions(path);
  claim(again.size() == all.size() && again.back().context == all.back().context &&
            again.back().endings == all.back().endings,
        "questions must be read as they were written");
}

}  // namespace fuzz
