// A GGUF file: its layout and values, its model, and its tokenizer.
#pragma once

#include "neutra/io/gguf.hpp"
#include "neutra/nn/families/gguf.hpp"
#include "neutra/train/gguf_tokenizer.hpp"

#include "tests/fuzz/target.hpp"

namespace fuzz {

inline void gguf(std::string_view bytes) {
  const scratch::Folder folder;
  const io::Path path = folder / "model.gguf";
  scratch::put(path, bytes);
  attempt([&] {
    const auto file = io::Gguf::open(path);
    for (const io::GgufEntry& entry : file.entries()) attempt([&] { file.read<float>(entry); });
  });
  attempt([&] {
    const nn::detail::GgufModel model(path);
    const nn::WeightList list = nn::weight_list(model.config());
    for (Index index = 0; index < list.count(); ++index) model.read<float>(list.at(index));
  });
  std::shared_ptr<const data::Tokenizer> tokenizer;
  attempt([&] { tokenizer = train::read_gguf_tokenizer(path); });
  if (tokenizer) check_lossless(*tokenizer);
}

}  // namespace fuzz
