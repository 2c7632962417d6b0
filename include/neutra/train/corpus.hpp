/// The texts of a run: read, hashed, split and tokenized.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/data/byte_tokenizer.hpp"
#include "neutra/data/llama2c_tokenizer.hpp"
#include "neutra/data/mix.hpp"
#include "neutra/data/split.hpp"
#include "neutra/data/train_sentencepiece.hpp"
#include "neutra/io/file.hpp"
#include "neutra/io/folder.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/config_json.hpp"
#include "neutra/train/added_tokens.hpp"
#include "neutra/train/bpe_files.hpp"
#include "neutra/train/evaluation.hpp"
#include "neutra/train/overlap.hpp"
#include "neutra/train/sentencepiece_file.hpp"
#include "neutra/train/text_paths.hpp"
#include "neutra/train/texts.hpp"
#include "neutra/train/tokenizer_json.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The text of one domain, in three parts. Without evaluation files, `valid` is the last tenth of the text. If a rate
/// or alpha is to be selected, `tuning` is the tuning split: about a tenth of the training text, spread over all of
/// it and at most 516 KiB. Selection evaluates on it; nothing trains on it.
struct DomainText {
  struct Ends {
    std::vector<std::size_t> train, tuning, valid;
  };
  std::string train, tuning, valid;
  Ends ends;                          // of documents, in each part: see data::Text
  std::vector<data::TextFile> files;  // all files that were read
  // About invalid UTF-8 (which is kept), parts of another size than requested, and similar texts.
  std::vector<std::string> remarks;

  /// Keeps the first `bytes` of the training text, up to the end of a document or line if there is one, and else to the
  /// end of a character, which may be three bytes more. Adds a remark if the text is shorter than that.
  void shorten(std::size_t bytes) {
    if (train.size() < bytes)
      remarks.push_back(concat("note: --target-bytes: asked for ", bytes,
                               " bytes of the target's training text, got all ", train.size()));
    if (train.size() <= bytes) return;
    const auto beyond = std::lower_bound(ends.train.begin(), ends.train.end(), bytes);
    const std::size_t line = beyond == ends.train.begin() ? train.rfind('\n', bytes - 1) : *std::prev(beyond);
    ends.train.erase(beyond, ends.train.end());
    train.resize(line == train.npos ? data::detail::character_boundary(train, bytes) : line + 1);
  }

  /// `option` names the files in messages, for example "target". The caller checks that the files differ.
  static DomainText read(const std::string& option, const std::vector<io::Path>& files,
                         const std::vector<io::Path>& evaluation_files, const TextFormat& format, bool holds_out) {
    // In bytes (a part may be up to 4 KiB larger, to end at a line). Enough to tell rates apart;
    // evaluated after every run.
    constexpr double max_tuning = 1 << 19;
    DomainText text;
    data::Text whole;
    if (!files.empty()) whole = text.read_all("--" + option, files, format);
    if (!evaluation_files.empty()) {
      data::Text valid = text.read_all("--eval-" + option, evaluation_files, format);
      text.valid = std::move(valid.bytes);
      text.ends.valid = std::move(valid.ends);
    }
    if (files.empty()) return text;  // without training text, forgetting can still be measured
    if (evaluation_files.empty()) {
      const std::string what = concat("holding out the end of --", option, " for evaluation");
      const std::size_t size = whole.bytes.size(), cut = data::hold_out(Cuttable(whole).text, 0.1, what).train.size();
      append_part(whole, cut, size, text.valid, text.ends.valid);
      whole.ends.erase(std::lower_bound(whole.ends.begin(), whole.ends.end(), cut), whole.ends.end());
      whole.bytes.resize(cut);
      text.note_size(what, text.valid.size(), size, 0.1);
    }
    if (!holds_out) {
      text.train = std::move(whole.bytes);
      text.ends.train = std::move(whole.ends);
      return text;
    }
    const std::string what = concat("holding out parts of --", option, " for tuning");
    const double fraction = std::min(0.1, max_tuning / static_cast<double>(whole.bytes.size()));
    for (const data::Segment& one : data::hold_out_segments(Cuttable(whole).text, fraction, what)) {
      append_part(whole, one.begin, one.cut, text.train, text.ends.train);
      append_part(whole, one.cut, one.end, text.tuning, text.ends.tuning);
    }
    text.note_size(what, text.tuning.size(), whole.bytes.size(), fraction);
    return text;
  }

 private:
  /// The text in which cuts are found: between documents if there are any.
  struct Cuttable {
    explicit Cuttable(const data::Text& whole)
        : lines(whole.ends.empty() ? std::string() : documents_as_lines(whole)),
          text(whole.ends.empty() ? std::string_view(whole.bytes) : std::string_view(lines)) {}
    std::string lines;
    std::string_view text;
  };

  data::Text read_all(const std::string& option, const std::vector<io::Path>& paths, const TextFormat& format) {
    data::Text whole = join_texts(paths, option, format);
    files.insert(files.end(), whole.files.begin(), whole.files.end());
    remarks.insert(remarks.end(), whole.remarks.begin(), whole.remarks.end());
    return whole;
  }
  /// Adds a remark if a part is more than a tenth larger or smaller than requested.
  void note_size(const std::string& what, std::size_t held, std::size_t size, double fraction) {
    const double share = static_cast<double>(held) / static_cast<double>(size);
    if (std::abs(share - fraction) > 0.1 * fraction)
      remarks.push_back(concat("note: ", what, ": asked for ", fixed(100 * fraction, 1), " % of ", size, " bytes, got ",
                               fixed(100 * share, 1), " % (", held, " bytes), to end at a line, sentence or word"));
  }
};

/// The token that separates documents: the first that ends a text by config.json. Empty if there is none.
inline std::optional<std::int32_t> end_of_text(const nn::Config& config) {
  return config.eos.empty() ? std::nullopt : std::optional(static_cast<std::int32_t>(config.eos.front()));
}
/// Of a text whose documents it does not separate.
inline constexpr std::string_view no_end_of_text =
    "note: the model has no token that ends a text (eos_token_id); documents are separated by newlines";

/// The windows of a text; ends, eos: see data::encode_documents.
inline data::Windows windows_of(const data::Tokenizer& tokenizer, std::string_view text,
                                const std::vector<std::size_t>& ends, std::optional<std::int32_t> eos, Index length) {
  const Index vocabulary = std::max(tokenizer.vocab(), Index{eos.value_or(-1)} + 1);
  return {data::encode_documents(tokenizer, text, ends, eos), length, vocabulary, tokenizer.bos()};
}

/// Both domains, encoded with one tokenizer.
struct Corpus {
  DomainText original, target;
  std::shared_ptr<const data::Tokenizer> tokenizer;
  data::Windows train_original, train_target;
  EvaluationText tuning_original, tuning_target, valid_original, valid_target;
  std::map<std::string, std::string> further_bytes;  // texts that are only evaluated on, by name
  std::map<std::string, std::vector<std::size_t>> further_ends;
  std::map<std::string, EvaluationText> further;

  /// holds_out: whether to hold out a tuning split of each domain.
  /// Error: as text_files, join_texts and data::hold_out; a text that is given for two roles, by path, link or content;
  /// a further text without files, or with one that is trained on (one that is evaluated on may have both roles).
  explicit Corpus(TextPaths paths, bool holds_out) {
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
      data::Text text = read_further(name, own, paths.format);
      further_bytes[name] = std::move(text.bytes);
      further_ends[name] = std::move(text.ends);
    }
    original.remarks.insert(original.remarks.begin(), remarks.begin(), remarks.end());
    if (const std::string remark = alike_remark(original.train, target.train); !remark.empty())
      target.remarks.push_back(remark);
  }

  /// The overlap of each domain's evaluation text with the training text of either domain.
  Overlaps overlaps() const {
    std::map<std::string, std::string_view> evaluation;
    for (const auto& [domain, text] : {std::pair{"original", &original.valid}, {"target", &target.valid}})
      if (!text->empty()) evaluation[domain] = *text;
    return measure_overlap(evaluation, {original.train, target.train});
  }

  /// SHA-256 of the texts by role, for results.json.
  std::map<std::string, std::string> hashes() const {
    std::map<std::string, std::string> all;
    const auto add = [&](const std::string& role, std::string_view text, const std::vector<std::size_t>& ends) {
      if (text.empty()) return;
      io::Sha256 sum;
      sum.update(text);
      for (const std::size_t end : ends) sum.update(concat(' ', end));
      all[role] = sum.hex();
    };
    for (const auto& [domain, text] : {std::pair{"original", &original}, {"target", &target}}) {
      add(concat(domain, ".train"), text->train, text->ends.train);
      add(concat(domain, ".tuning"), text->tuning, text->ends.tuning);
      add(concat(domain, ".valid"), text->valid, text->ends.valid);
    }
    for (const auto& [name, text] : further_bytes) add("further." + name, text, further_ends.at(name));
    return all;
  }

  /// Encodes all parts into windows of `length` tokens. eos: separates documents.
  void encode(std::shared_ptr<const data::Tokenizer> chosen, Index length, std::optional<std::int32_t> eos = {}) {
    tokenizer = std::move(chosen);
    using Ends = std::vector<std::size_t>;
    const auto windows = [&](std::string_view text, const Ends& ends) {
      return text.empty() ? data::Windows() : windows_of(*tokenizer, text, ends, eos, length);
    };
    const auto evaluation = [&](std::string_view text, const Ends& ends) {
      return EvaluationText{windows(text, ends), static_cast<Index>(text.size())};
    };
    train_original = windows(original.train, original.ends.train);
    train_target = windows(target.train, target.ends.train);
    tuning_original = evaluation(original.tuning, original.ends.tuning);
    tuning_target = evaluation(target.tuning, target.ends.tuning);
    valid_original = evaluation(original.valid, original.ends.valid);
    valid_target = evaluation(target.valid, target.ends.valid);
    for (const auto& [name, text] : further_bytes) further[name] = evaluation(text, further_ends.at(name));
    if (!eos && !target.ends.train.empty()) target.remarks.emplace_back(no_end_of_text);
  }

 private:
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
};

/// The identity of a tokenizer: the SHA-256 of its file, or of the empty string for the byte tokenizer.
inline std::string tokenizer_sha256(const data::Tokenizer& tokenizer) { return io::sha256_hex(tokenizer.serialized()); }

/// Reads a tokenizer.model, or by its ending a tokenizer.json or a llama2.c tokenizer.bin, or a vocab.json with the
/// merges.txt beside it; `added` are the tokens added beside the first.
/// Error: the file cannot be read, or its content is not valid; the message begins with its path.
inline std::shared_ptr<const data::Tokenizer> read_tokenizer(const io::Path& file, data::AddedTokens added = {}) {
  if (file.filename() == "vocab.json") return read_bpe_files(file.parent_path());
  if (file.extension() == ".json")
    return read_tokenizer_json(io::read_file(file, max_tokenizer_json), file.string(),
                               read_text_start(file.parent_path()));
  const auto content = [&] {
    std::string bytes = io::read_file(file, std::uint64_t{1} << 30);
    return file.extension() == ".bin" ? data::sentencepiece_from_llama2c(bytes) : std::move(bytes);
  };
  return read_sentencepiece(file.string(), content, std::move(added));
}

/// The tokenizer of a model folder: its tokenizer.model with the added tokens, or bytes if its config.json says so, or
/// its tokenizer.json, or its vocab.json with merges.txt.
/// Does not read the weights. Error: an unsupported model (checked before its tokenizer); no tokenizer;
/// not a model folder.
inline std::shared_ptr<const data::Tokenizer> tokenizer_in(const io::Path& folder) {
  bool bytes = false;
  if (const io::Path file = folder / "config.json"; io::is_there(file)) {
    const io::Json config = io::read_json(file);
    // For its checks: no use looking for the tokenizer of a model that is not supported.
    nn::read_config(config, file.string());
    bytes = config.value("neutra_tokenizer", io::Json()) == "byte";
  }
  if (const io::Path file = folder / "tokenizer.model"; io::is_there(file))
    return read_tokenizer(file, read_added_tokens(folder));
  if (bytes) return std::make_shared<data::ByteTokenizer>();
  for (const char* name : {"tokenizer.json", "vocab.json"})
    if (io::is_there(folder / name)) return read_tokenizer(folder / name);
  io::WeightSource::open(folder);  // throws with what the folder is, if it is not a model folder
  fail(folder.string(), ": must hold a tokenizer.model (SentencePiece), a tokenizer.json or a vocab.json, got none",
       "; take a model that has one, or put the model's tokenizer there");
}

/// The tokenizer of a backbone pretrained here: bytes ("byte"), one trained on the pretraining text alone
/// ("sentencepiece"), or a given file.
inline std::shared_ptr<const data::Tokenizer> new_tokenizer(const std::string& kind, Index vocabulary,
                                                            std::string_view pretraining_text) {
  if (kind == "byte") return std::make_shared<data::ByteTokenizer>();
  if (kind != "sentencepiece") return read_tokenizer(kind);
  return std::make_shared<data::SentencePiece>(data::train_sentencepiece(pretraining_text, {.vocab = vocabulary}));
}

}}}  // namespace neutra::NEUTRA_ABI::train
