/// The configuration of a model: its sizes, and the settings of its family.
#pragma once

#include "neutra/adapter/sizes.hpp"
#include "neutra/core/shape.hpp"

#include <map>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// The configuration of a decoder (config.json), with defaults for optional keys.
struct Config {
  std::string family = "llama";  // the model_type of config.json, one of families.hpp
  Index vocabulary = 0;          // V
  Index dim = 0;                 // d
  Index ffn = 0;                 // f
  Index layers = 0;              // L
  Index heads = 0;               // H
  Index kv_heads = 0;            // K; 0: equal to heads
  Index head_width = 0;          // 0: dim / heads
  Index context = 0;             // context length in training, in tokens
  double norm_epsilon = 1e-6;
  // Settings of the family; complete() adds its defaults.
  std::map<std::string, double> numbers{};        // for example rope_theta
  std::map<std::string, std::string> choices{};   // for example activation
  std::map<std::string, std::string> by_layer{};  // a digit for each layer, for example windowed "101"
  bool tied = false;                              // embedding and head share their weights
  Index bos = -1;                                 // -1: none
  std::vector<Index> eos{};                       // all tokens that end a text

  /// Computes the derived sizes and adds the defaults of the family (defined in families.hpp). Error: an unknown
  /// family; in one message, sizes that are not positive or do not divide, and settings that the family does not have.
  void complete();

  /// The widths at the sites of the family (defined in families.hpp).
  adapter::Sizes sizes() const;

  friend bool operator==(const Config&, const Config&) = default;

 private:
  template <class List> void complete_as_one_of();  // List: a FamilyList; a template, so that neutra::compiled holds it
};

/// Calls visit(name, member) for every value that determines what a model computes, or its context length. eos is
/// excluded: the end of generation changes no logit. The default family is omitted, so that files written before other
/// families existed still match.
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
  for (auto& [name, value] : c.by_layer) visit(name.c_str(), value);
  visit("tied", c.tied);
  visit("bos", c.bos);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
