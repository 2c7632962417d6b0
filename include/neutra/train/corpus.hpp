/// The texts of a run: read, hashed, split, tokenized.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/mix.hpp"
#include "neutra/data/sentencepiece.hpp"
#include "neutra/data/split.hpp"
#include "neutra/data/text.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/folder.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/config_json.hpp"
#include "neutra/train/added_tokens.hpp"
#include "neutra/train/evaluation.hpp"
#include "neutra/train/overlap.hpp"
#include "neutra/train/text_paths.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// One domain's text in its three parts. Without evaluation files the last tenth of all text is `valid`. Where a rate
/// or alpha is chosen, `choosing` is about a tenth of the training text, taken throughout it and never more than 516
/// KiB: the choice looks at it and nothing trains on it.
struct DomainText {
  std::string train, choosing, valid;
  std::vector<data::TextFile> files;  // all that were read
  std::vector<std::string> remarks;   // on bytes that are not UTF-8 (they are kept as they are), parts of another size
                                      // than was asked, texts alike

  /// `option` is what messages call the files, as in "target". The caller checks that the files differ.
  static DomainText read(const std::string& option, const std::vector<io::Path>& files,
                         const std::vector<io::Path>& evaluation_files, bool holds_out) {
    constexpr double most_choosing =
        1 << 19;  // bytes, and up to 4 KiB to a line end: enough to tell rates apart, evaluated after every run
    DomainText text;
    if (!files.empty()) text.train = text.read_all("--" + option, files);
    if (!evaluation_files.empty()) text.valid = text.read_all("--eval-" + option, evaluation_files);
    if (files.empty()) return text;  // nothing to train on, but forgetting can still be measured
    if (evaluation_files.empty()) {
      const std::string whole = std::move(text.train),
                        what = concat("holding out the end of --", option, " for evaluation");
      const auto last = data::hold_out(whole, 0.1, what);
      text.train = last.train;
      text.valid = last.held;
      text.tell(what, text.valid.size(), whole.size(), 0.1);
    }
    if (holds_out) {
      const std::string whole = std::move(text.train),
                        what = concat("holding out parts of --", option, " to choose a rate or alpha on");
      const double fraction = std::min(0.1, most_choosing / static_cast<double>(whole.size()));
      auto parts = data::hold_out_throughout(whole, fraction, what);
      text.train = std::move(parts.train);
      text.choosing = std::move(parts.held);
      text.tell(what, text.choosing.size(), whole.size(), fraction);
    }
    return text;
  }

 private:
  std::string read_all(const std::string& option, const std::vector<io::Path>& paths) {
    data::Text whole = data::join_texts(paths, option);
    files.insert(files.end(), whole.files.begin(), whole.files.end());
    remarks.insert(remarks.end(), whole.remarks.begin(), whole.remarks.end());
    return std::move(whole.bytes);
  }
  /// A remark where a part is more than a tenth larger or smaller than was asked.
  void tell(const std::string& what, std::size_t held, std::size_t size, double fraction) {
    const double share = static_cast<double>(held) / static_cast<double>(size);
    if (std::abs(share - fraction) > 0.1 * fraction)
      remarks.push_back(concat("note: ", what, ": asked for ", fixed(100 * fraction, 1), " % of ", size, " bytes, got ",
                               fixed(100 * share, 1), " % (", held,
                               " bytes), since a line, sentence or word ends there"));
  }
};

/// Both domains as tokens of one tokenizer.
struct Corpus {
  DomainText original, target;
  std::shared_ptr<const data::Tokenizer> tokenizer;
  data::Windows train_original, train_target;
  EvaluationText choosing_original, choosing_target, valid_original, valid_target;

  /// holds_out: whether a part of each domain is held out to choose rates and alphas on.
  /// Error: as data::read_text and data::hold_out; a text that is given for two roles, by path, link or content.
  explicit Corpus(const TextPaths& paths, bool holds_out) {
    std::vector<data::TextFile> files;
    for (const auto& [option, role] : {std::pair{"--original", &paths.original},
                                       {"--target", &paths.target},
                                       {"--eval-original", &paths.eval_original},
                                       {"--eval-target", &paths.eval_target}})
      for (const io::Path& path : *role) files.push_back({option, path});
    data::check_different(files);  // before reading: a pipe is read only once
    original = DomainText::read("original", paths.original, paths.eval_original, holds_out);
    target = DomainText::read("target", paths.target, paths.eval_target, holds_out);
    files = original.files;
    files.insert(files.end(), target.files.begin(), target.files.end());
    data::check_different(files);
    if (const std::string remark = alike_remark(original.train, target.train); !remark.empty())
      target.remarks.push_back(remark);
  }

  /// How much of each domain's evaluation text is in the text that trains, of either domain.
  Overlaps overlaps() const {
    std::map<std::string, std::string_view> evaluation;
    for (const auto& [domain, text] : {std::pair{"original", &original.valid}, {"target", &target.valid}})
      if (!text->empty()) evaluation[domain] = *text;
    return measure_overlap(evaluation, {original.train, target.train});
  }

  /// By role, for results.json.
  std::map<std::string, std::string> hashes() const {
    std::map<std::string, std::string> all;
    const auto add = [&](const std::string& role, std::string_view text) {
      if (!text.empty()) all[role] = io::sha256_hex(text);
    };
    add("original.train", original.train);
    add("original.choosing", original.choosing);
    add("original.valid", original.valid);
    add("target.train", target.train);
    add("target.choosing", target.choosing);
    add("target.valid", target.valid);
    return all;
  }

  /// Encodes every part; `length` tokens a window.
  void encode(std::shared_ptr<const data::Tokenizer> chosen, Index length) {
    tokenizer = std::move(chosen);
    const auto windows = [&](std::string_view text) {
      return text.empty() ? data::Windows() : data::Windows(*tokenizer, text, length);
    };
    const auto evaluation = [&](std::string_view text) {
      return EvaluationText{windows(text), static_cast<Index>(text.size())};
    };
    train_original = windows(original.train);
    train_target = windows(target.train);
    choosing_original = evaluation(original.choosing);
    choosing_target = evaluation(target.choosing);
    valid_original = evaluation(original.valid);
    valid_target = evaluation(target.valid);
  }
};

/// What tells one tokenizer from another: the SHA-256 of its tokenizer.model, of no bytes where tokens are bytes.
inline std::string tokenizer_sha256(const data::Tokenizer& tokenizer) { return io::sha256_hex(tokenizer.serialized()); }

/// A tokenizer.model file, and the tokens that were added beside it. Error: those of the file and of its content, by
/// its name.
inline std::shared_ptr<const data::Tokenizer> read_tokenizer(const io::Path& file, data::AddedTokens added = {}) {
  try {
    return std::make_shared<data::SentencePiece>(io::read_file(file, std::uint64_t{1} << 30), std::move(added));
  } catch (const Error& error) {
    const std::string message = error.what();
    throw Error(message.find(file.string()) == message.npos ? concat(file.string(), ": ", message) : message);
  }
}

/// The tokenizer a folder holds: its tokenizer.model with the added tokens, or bytes where its config.json says so. The
/// weights are not read. Error: a model that is not supported, whatever its tokenizer is; neither; no folder of a
/// model.
inline std::shared_ptr<const data::Tokenizer> tokenizer_of(const io::Path& folder) {
  bool bytes = false;
  if (const io::Path file = folder / "config.json"; io::is_there(file)) {
    const io::Json config = io::read_json(file);
    nn::read_config(
        config, file.string());  // for its checks: nobody should look for the tokenizer of a model that cannot be used
    bytes = config.value("neutra_tokenizer", io::Json()) == "byte";
  }
  if (const io::Path file = folder / "tokenizer.model"; io::is_there(file))
    return read_tokenizer(file, read_added_tokens(folder));
  if (bytes) return std::make_shared<data::ByteTokenizer>();
  io::WeightSource::open(folder);  // names what the folder is if it is none of ours
  fail(folder.string(), ": must hold a tokenizer.model (SentencePiece)",
       io::is_there(folder / "tokenizer.json") ? ", got a tokenizer.json, which is not read yet" : ", and does not",
       "; take a model that has one, or put the model's SentencePiece file there");
}

/// The tokenizer of a backbone that is pretrained here: bytes ("byte"), one trained on the pretraining text alone and
/// never again ("sentencepiece"), or a given file.
inline std::shared_ptr<const data::Tokenizer> new_tokenizer(const std::string& kind, Index vocabulary,
                                                            std::string_view pretraining_text) {
  if (kind == "byte") return std::make_shared<data::ByteTokenizer>();
  if (kind != "sentencepiece") return read_tokenizer(kind);
  return std::make_shared<data::SentencePiece>(data::train_sentencepiece(pretraining_text, {.vocab = vocabulary}));
}

}}}  // namespace neutra::NEUTRA_ABI::train
