/// The forms in which models are stored; no other file lists them.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/io/folder_kind.hpp"
#include "neutra/nn/families/gguf.hpp"
#include "neutra/nn/families/llama2c.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/train/gguf_tokenizer.hpp"
#include "neutra/train/model.hpp"
#include "neutra/train/model_tokenizer.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// A form: its name in docs/families.md, what holds a model of it, and how that is read.
struct ModelForm {
  std::string_view name;
  bool (*holds)(const io::Path&);
  std::shared_ptr<const data::Tokenizer> (*tokenizer)(const io::Path&);
  std::shared_ptr<const Backbone> (*backbone)(const io::Path&, const nn::Use<float>&);
};

namespace detail {

/// The tokenizer beside a llama2.c file: tokenizer.bin or tokenizer.model.
/// Error: neither is there; another number of tokens than the model has.
inline std::shared_ptr<const data::Tokenizer> llama2c_tokenizer(const io::Path& model) {
  const Index vocabulary = nn::detail::Llama2cFile(model).config().vocabulary;
  for (const char* name : {"tokenizer.bin", "tokenizer.model"}) {
    const io::Path file = model.parent_path() / name;
    if (!io::is_there(file)) continue;
    const auto tokenizer = read_tokenizer(file);
    require(tokenizer->vocab() == vocabulary, file.string(), ": must have ", vocabulary, " tokens, as ",
            model.filename().string(), " has, got ", tokenizer->vocab(), "; put the model's own tokenizer there");
    return tokenizer;
  }
  fail(model.string(),
       ": its tokenizer must be beside it as tokenizer.bin or tokenizer.model, got neither; copy it "
       "there under this name");
}

inline std::shared_ptr<const Backbone> load_folder(const io::Path& path, const nn::Use<float>& use) {
  return nn::load_model<float, DefaultDevice>(path, use);
}
inline std::shared_ptr<const Backbone> load_gguf(const io::Path& path, const nn::Use<float>& use) {
  return nn::load_gguf<float, DefaultDevice>(path, use);
}
inline std::shared_ptr<const Backbone> load_llama2c(const io::Path& path, const nn::Use<float>& use) {
  return nn::load_llama2c<float, DefaultDevice>(path, use);
}

}  // namespace detail

/// All forms. The first that holds a path reads it; the folder is the last, since its reader says of anything else what
/// it is.
inline constexpr std::array model_forms = {
    ModelForm{"gguf", io::holds_gguf, read_gguf_tokenizer, detail::load_gguf},
    ModelForm{"llama2c", io::holds_llama2c, detail::llama2c_tokenizer, detail::load_llama2c},
    ModelForm{"folder", [](const io::Path&) { return true; }, tokenizer_in, detail::load_folder}};

/// The form of a model. Error: a dangling link.
inline const ModelForm& form_of(const io::Path& path) {
  return *std::find_if(model_forms.begin(), model_forms.end(), [&](const ModelForm& form) { return form.holds(path); });
}

/// The tokenizer of a model: a Hugging Face folder, a GGUF file, or a llama2.c file with its tokenizer beside it.
/// Does not read the weights. Error: as tokenizer_in, read_gguf_tokenizer or llama2c_tokenizer.
inline std::shared_ptr<const data::Tokenizer> tokenizer_of(const io::Path& model) {
  return form_of(model).tokenizer(model);
}

/// Loads a model from any of these. Error: as nn::load_model, nn::load_gguf or nn::load_llama2c.
inline std::shared_ptr<const Backbone> load_backbone(const io::Path& model, const nn::Use<float>& use = {}) {
  return form_of(model).backbone(model, use);
}

}}}  // namespace neutra::NEUTRA_ABI::train
