/// The text of one domain: read, and cut into what is trained on and what is held out.
#pragma once

#include "neutra/core/numbers.hpp"
#include "neutra/data/documents.hpp"
#include "neutra/data/split.hpp"
#include "neutra/io/file.hpp"
#include "neutra/train/texts.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// The text of one domain, in three parts. Without evaluation files, `valid` is the last tenth of the text. If a rate
/// or alpha is to be selected, `tuning` is the tuning split: about a tenth of the training text, spread over all of
/// it and at most 516 KiB. Selection evaluates on it; nothing trains on it.
struct DomainText {
  DomainText() = default;
  /// Of no text yet, which will lie in this memory.
  explicit DomainText(const data::TextMemory& memory) : train(memory), tuning(memory), valid(memory) {}

  data::TextPart train, tuning, valid;
  std::vector<data::TextFile> files;  // all files that were read
  // About invalid UTF-8 (which is kept), parts of another size than requested, and similar texts.
  std::vector<std::string> remarks;

  /// Keeps the first `bytes` of the training text, up to the end of a document or line if there is one, and else to the
  /// end of a character, which may be three bytes more. Adds a remark if the text is shorter than that.
  void shorten(std::size_t bytes) {
    const std::string_view text = train.bytes;
    if (text.size() < bytes)
      remarks.push_back(concat("note: --target-bytes: asked for ", bytes,
                               " bytes of the target's training text, got all ", text.size()));
    if (text.size() <= bytes) return;
    const auto beyond = std::lower_bound(train.ends.begin(), train.ends.end(), bytes);
    const std::size_t line = beyond == train.ends.begin() ? text.rfind('\n', bytes - 1) : *std::prev(beyond);
    train.ends.erase(beyond, train.ends.end());
    data::truncate(train, line == text.npos ? data::detail::character_boundary(text, bytes) : line + 1);
  }

  /// `option` names the files in messages, for example "target". The caller checks that the files differ.
  static DomainText read(const std::string& option, const std::vector<io::Path>& files,
                         const std::vector<io::Path>& evaluation_files, const TextFormat& format, bool holds_out) {
    // In bytes (a part may be up to 4 KiB larger, to end at a line). Enough to tell rates apart;
    // evaluated after every run.
    constexpr double max_tuning = 1 << 19;
    DomainText text(format.memory);
    data::TextPart whole(format.memory);
    if (!files.empty()) whole = text.read_all("--" + option, files, format);
    if (!evaluation_files.empty()) text.valid = text.read_all("--eval-" + option, evaluation_files, format);
    if (files.empty()) return text;  // without training text, forgetting can still be measured
    if (evaluation_files.empty()) {
      const std::string what = concat("holding out the end of --", option, " for evaluation");
      const std::size_t size = whole.bytes.size(), cut = data::hold_out(Cuttable(whole).text, 0.1, what).train.size();
      append_part(whole, cut, size, text.valid);
      data::truncate(whole, cut);
      text.note_size(what, text.valid.bytes.size(), size, 0.1);
    }
    if (!holds_out) {
      text.train = std::move(whole);
      return text;
    }
    const std::string what = concat("holding out parts of --", option, " for tuning");
    const double fraction = std::min(0.1, max_tuning / static_cast<double>(whole.bytes.size()));
    for (const data::Segment& one : data::hold_out_segments(Cuttable(whole).text, fraction, what)) {
      append_part(whole, one.begin, one.cut, text.train);
      append_part(whole, one.cut, one.end, text.tuning);
    }
    text.note_size(what, text.tuning.bytes.size(), whole.bytes.size(), fraction);
    return text;
  }

 private:
  /// The text in which cuts are found: between documents if there are any.
  struct Cuttable {
    explicit Cuttable(const data::TextPart& whole)
        : lines(whole.ends.empty() ? data::TextBytes() : documents_as_lines(whole)),
          text(whole.ends.empty() ? std::string_view(whole.bytes) : std::string_view(lines)) {}
    data::TextBytes lines;
    std::string_view text;
  };

  data::TextPart read_all(const std::string& option, const std::vector<io::Path>& paths, const TextFormat& format) {
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

}}}  // namespace neutra::NEUTRA_ABI::train
