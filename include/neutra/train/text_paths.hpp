/// The text files of a run.
#pragma once

#include "neutra/io/file.hpp"
#include "neutra/train/text_format.hpp"

#include <map>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Without evaluation files, the last tenth of a domain's text is held out.
///   target_bytes: training reads so many bytes of the target text, to the end of a line, after all that is held out;
///                 0: the whole
struct TextPaths {
  std::vector<io::Path> original, target, eval_original, eval_target;
  Index target_bytes = 0;
  std::map<std::string, std::vector<io::Path>> further{};  // texts that are only evaluated on, by name
  TextFormat format{};
};

}}}  // namespace neutra::NEUTRA_ABI::train
