// The texts of two made-up languages, and a study of them that takes a second.
#pragma once

#include "neutra/study/options.hpp"

#include "tests/io/scratch.hpp"
#include "tests/train/small.hpp"

namespace small {

struct Texts {
  scratch::Folder folder;

  Texts() {
    const auto lines = [](char first, std::uint64_t seed) {
      std::string text;
      for (std::uint64_t i = 0; i < 60; ++i) text += small::letters(first, 6, 30, 100 * seed + i) + "\n";
      return text;
    };
    scratch::put(folder / "a", lines('a', 1));
    scratch::put(folder / "n", lines('n', 2));
  }
  study::Options options(const std::string& out) const {
    study::Options o;
    o.original = {folder / "a"};
    o.target = {folder / "n"};
    o.out = folder / out;
    o.pretrain_steps = 6;
    o.dim = 16;
    o.layers = 2;
    o.heads = 2;
    o.ffn = 24;
    o.tokenizer = "byte";
    o.steps = 4;
    o.batch = 4;
    o.sequence = 12;
    o.adapter_rates = {2e-3};
    o.model_rates = {5e-4};
    o.methods = small::methods(study::shorthand_names());
    return o;
  }
};

}  // namespace small
