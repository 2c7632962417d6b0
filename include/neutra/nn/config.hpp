/// What a model is beside its weights: sizes, and what its family computes from them.
#pragma once

#include "neutra/adapter/sizes.hpp"
#include "neutra/core/shape.hpp"

#include <map>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// What a config.json says of a decoder: names in the field's terms, defaults where a file may leave a key out.
struct Config {
  std::string family = "llama";  // one of those in families.hpp, by the model_type of its config.json
  Index vocabulary = 0;          // V
  Index dim = 0;                 // d
  Index ffn = 0;                 // f
  Index layers = 0;              // L
  Index heads = 0;               // H
  Index kv_heads = 0;            // K, 0: as many as heads
  Index head_width = 0;          // 0: dim / heads
  Index context = 0;             // tokens the model was trained with at a time
  double norm_epsilon = 1e-6;
  // What the family has of its own; complete() adds its defaults.
  std::map<std::string, double> numbers{};       // such as rope_theta
  std::map<std::string, std::string> choices{};  // such as activation
  bool tied = false;                             // the head is the embedding
  Index bos = -1;                                // -1: none
  std::vector<Index> eos{};                      // every token that ends a text

  /// Fills what follows from the sizes, and the family's defaults (defined in families.hpp). Error: a family that is
  /// not there; a size that is not positive or does not divide, a setting that the family does not have, all said at
  /// once.
  void complete();

  /// Widths at the sites that the family has (defined in families.hpp).
  adapter::Sizes sizes() const;

  friend bool operator==(const Config&, const Config&) = default;
};

/// Shows visit(name, member) every value that decides what a model computes from its weights and text, or the window
/// that its numbers are of. Left out is eos: where a generated text ends changes no number. The default family is not
/// named, as in files that are older than a second one.
template <class C, class Visit> void visit_function(C& c, const Visit& visit) {
  if (c.family != Config{}.family) visit("family", c.family);
  visit("vocabulary", c.vocabulary);
  visit("dim", c.dim);
  visit("ffn", c.ffn);
  visit("layers", c.layers);
  visit("heads", c.heads);
  visit("kv_heads", c.kv_heads);
  visit("head_width", c.head_width);
  visit("context", c.context);
  visit("norm_epsilon", c.norm_epsilon);
  for (auto& [name, value] : c.numbers) visit(name.c_str(), value);
  for (auto& [name, value] : c.choices) visit(name.c_str(), value);
  visit("tied", c.tied);
  visit("bos", c.bos);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
