// The texts of studies that name theirs: files LANGUAGE/SOURCE.train.txt and .valid.txt in the folder of --data.
#pragma once

#include "neutra/program/study.hpp"

namespace studies {

using Sources = std::vector<std::string>;

inline const Sources english = {"en/wiki", "en/masc", "en/gum", "en/ewt", "en/europarl"},
                     english_valid = {"en/wiki", "en/ewt", "en/europarl"};

/// Sets the texts of both domains.
inline void set_texts(neutra::study::Options& options, const neutra::io::Path& data, const Sources& original,
                      const Sources& original_valid, const Sources& target, const Sources& target_valid) {
  using neutra::program::texts;
  options.original = texts(data, original, ".train.txt");
  options.eval_original = texts(data, original_valid, ".valid.txt");
  options.target = texts(data, target, ".train.txt");
  options.eval_target = texts(data, target_valid, ".valid.txt");
}

}  // namespace studies
