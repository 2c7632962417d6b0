/// The texts of a run: both domains, and further texts that are only evaluated on.
#pragma once

#include "neutra/train/domain_text.hpp"
#include "neutra/train/encode.hpp"
#include "neutra/train/evaluation.hpp"
#include "neutra/train/lost_text.hpp"
#include "neutra/train/overlap.hpp"
#include "neutra/train/text_paths.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Both domains, encoded with one tokenizer.
struct Corpus {
  DomainText original, target;
  std::shared_ptr<const data::Tokenizer> tokenizer;
  data::Windows train_original, train_target;
  EvaluationText tuning_original, tuning_target, valid_original, valid_target;
  std::map<std::string, data::TextPart> further_texts;  // that are only evaluated on, by name
  std::map<std::string, EvaluationText> further;

  /// holds_out: whether to hold out a tuning split of each domain.
  /// Error: as text_files, join_texts and data::hold_out; a text that is given for two roles, by path, link or content;
  /// a further text without files, or with one that is trained on (one that is evaluated on may have both roles).
  explicit Corpus(TextPaths paths, bool holds_out) {
    if (!paths.format.token_cache.empty()) cache_.emplace(paths.format.token_cache, paths.format.memory);
    std::vector<data::TextFile> files;
    std::vector<std::string> remarks;
    for (const auto& [option, role] : {std::pair{"--original", &paths.original},
                                       {"--target", &paths.target},
                                       {"--eval-original", &paths.eval_original},
                                       {"--eval-target", &paths.eval_target}}) {
      *role = text_files(*role, option, remarks);
      for (const io::Path& path : *role) files.push_back({option, path});
    }
    data::check_different(files);  // before reading: a pipe can be read only once
    original = DomainText::read("original", paths.original, paths.eval_original, paths.format, holds_out);
    target = DomainText::read("target", paths.target, paths.eval_target, paths.format, holds_out);
    if (paths.target_bytes > 0) target.shorten(static_cast<std::size_t>(paths.target_bytes));
    files = original.files;
    files.insert(files.end(), target.files.begin(), target.files.end());
    data::check_different(files);
    for (auto& [name, own] : paths.further) {
      own = text_files(own, concat("further text ", name, ':'), remarks);
      further_texts[name] = read_further(name, own, paths.format);
    }
    original.remarks.insert(original.remarks.begin(), remarks.begin(), remarks.end());
    if (const std::string remark = alike_remark(original.train.bytes, target.train.bytes); !remark.empty())
      target.remarks.push_back(remark);
  }

  /// The overlap of each domain's evaluation text with the training text of either domain.
  Overlaps overlaps() const {
    std::map<std::string, std::string_view> evaluation;
    for (const auto& [domain, text] : {std::pair{"original", &original.valid}, {"target", &target.valid}})
      if (!text->bytes.empty()) evaluation[domain] = text->bytes;
    return measure_overlap(evaluation, {original.train.bytes, target.train.bytes});
  }

  /// SHA-256 of the texts by role, for results.json.
  std::map<std::string, std::string> hashes() const {
    std::map<std::string, std::string> all;
    const auto add = [&](const std::string& role, const data::TextPart& text) {
      if (!text.bytes.empty()) all[role] = text_sha256(text);
    };
    for (const auto& [domain, text] : {std::pair{"original", &original}, {"target", &target}}) {
      add(concat(domain, ".train"), text->train);
      add(concat(domain, ".tuning"), text->tuning);
      add(concat(domain, ".valid"), text->valid);
    }
    for (const auto& [name, text] : further_texts) add("further." + name, text);
    return all;
  }

  /// Encodes all parts into windows of `length` tokens. eos: separates documents.
  void encode(std::shared_ptr<const data::Tokenizer> chosen, Index length, std::optional<std::int32_t> eos = {}) {
    tokenizer = std::move(chosen);
    TokenCache* const cache = cache_ ? &*cache_ : nullptr;
    const auto encoded = [&](const data::TextPart& text) {
      return evaluation_text(*tokenizer, text, eos, length, cache);
    };
    train_original = encoded(original.train).windows;
    train_target = encoded(target.train).windows;
    tuning_original = encoded(original.tuning);
    tuning_target = encoded(target.tuning);
    valid_original = encoded(original.valid);
    valid_target = encoded(target.valid);
    for (const auto& [name, text] : further_texts) further[name] = encoded(text);
    if (const std::string remark = lost_text(); !remark.empty()) target.remarks.push_back(remark);
    if (!eos && !target.train.ends.empty()) target.remarks.emplace_back(no_end_of_text);
    if (cache) target.remarks.insert(target.remarks.end(), cache->remarks().begin(), cache->remarks().end());
  }

 private:
  std::string lost_text() const {
    LostText lost(*tokenizer);
    for (const DomainText* domain : {&original, &target})
      for (const data::TextPart* part : {&domain->train, &domain->tuning, &domain->valid}) lost.add(part->bytes);
    for (const auto& [name, text] : further_texts) lost.add(text.bytes);
    return lost.remark();
  }
  /// Reads a further text. Both domains have been read.
  data::Text read_further(const std::string& name, const std::vector<io::Path>& own, const TextFormat& format) const {
    const std::string option = concat("further text ", name, ':');
    require(!own.empty(), option, " at least one file must be named, got none");
    std::vector<data::TextFile> by_path, by_content;
    for (const DomainText* domain : {&original, &target})
      for (const data::TextFile& file : domain->files) {
        if (file.option.starts_with("--eval-")) continue;
        by_path.push_back({file.option, file.path});
        by_content.push_back(file);
      }
    for (const io::Path& path : own) by_path.push_back({option, path});
    data::check_different(by_path);  // before reading: a pipe can be read only once
    data::Text text = join_texts(own, option, format);
    by_content.insert(by_content.end(), text.files.begin(), text.files.end());
    data::check_different(by_content);
    return text;
  }

  std::optional<TokenCache> cache_;
};

}}}  // namespace neutra::NEUTRA_ABI::train
